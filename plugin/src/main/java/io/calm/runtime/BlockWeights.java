package io.calm.runtime;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.tensor.LinearKernel;
import io.calm.tensor.QuantizedLinear;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** The parameters of a decoder block as the kernels read them, checked against the topology. */
final class BlockWeights {
  private final Map<LinearRole, LinearKernel> linears = new EnumMap<>(LinearRole.class);
  private final Map<NormRole, float[]> norms;

  private BlockWeights(BlockParameters<QuantizedLinear> parameters) {
    this.norms = parameters.norms();
    for (LinearRole role : LinearRole.values()) {
      QuantizedLinear weight = parameters.linear(role);
      float[] bias = parameters.biases().get(role);
      linears.put(role, bias == null ? LinearKernel.of(weight) : LinearKernel.of(weight, bias));
    }
  }

  /**
   * Returns the weights of all blocks.
   *
   * @throws IllegalArgumentException if a shape, a missing norm or a group does not fit the model
   */
  static List<BlockWeights> of(QuantizedModel model) {
    List<BlockWeights> blocks = new ArrayList<>();
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      check(layer, model.blocks().get(layer), model);
      blocks.add(new BlockWeights(model.blocks().get(layer)));
    }
    return blocks;
  }

  private static void check(
      int layer, BlockParameters<QuantizedLinear> block, QuantizedModel model) {
    ModelSpec spec = model.spec();
    for (LinearRole role : LinearRole.values()) {
      QuantizedLinear weight = block.linear(role);
      int group = group(model, role.stage());
      if (weight.outputs() != spec.outputs(role)
          || weight.inputs() != spec.inputs(role)
          || weight.group() != group) {
        throw new IllegalArgumentException(
            "block %d, linear %s: expected [%d, %d] in groups of %d, got [%d, %d] in groups of %d; make the model's artifact again"
                .formatted(
                    layer,
                    role,
                    spec.outputs(role),
                    spec.inputs(role),
                    group,
                    weight.outputs(),
                    weight.inputs(),
                    weight.group()));
      }
    }
    for (NormRole norm : spec.norms()) {
      if (block.norm(norm).length != spec.width(norm)) {
        throw new IllegalArgumentException(
            "block %d, norm %s: expected %d elements, got %d; make the model's artifact again"
                .formatted(layer, norm, spec.width(norm), block.norm(norm).length));
      }
    }
  }

  /** Returns the group size of a stage's activations, which is the same in all blocks. */
  static int group(QuantizedModel model, Stage stage) {
    return model.blocks().get(0).linear(stage.linears().get(0)).group();
  }

  LinearKernel linear(LinearRole role) {
    LinearKernel kernel = linears.get(role);
    if (kernel == null) {
      throw new IllegalArgumentException("no linear " + role);
    }
    return kernel;
  }

  float[] norm(NormRole role) {
    float[] weight = norms.get(role);
    if (weight == null) {
      throw new IllegalArgumentException("no norm " + role);
    }
    return weight;
  }
}
