package io.calm.runtime;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
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
    WeightCheck.check(model);
    List<BlockWeights> blocks = new ArrayList<>();
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      blocks.add(new BlockWeights(model.blocks().get(layer)));
    }
    return blocks;
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
