package io.calm.runtime;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;

/** Validates the shapes of a quantized model's parameters against its topology. */
public final class WeightCheck {
  private WeightCheck() {}

  /**
   * Checks the linears and norms of all blocks.
   *
   * @throws IllegalArgumentException if a shape, a missing norm or a group does not fit the model
   */
  public static void check(QuantizedModel model) {
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      check(layer, model.blocks().get(layer), model);
    }
  }

  /**
   * Checks the embeddings, the lm_head and the norm before it.
   *
   * @throws IllegalArgumentException if a shape does not fit the model
   */
  public static void checkTables(QuantizedModel model) {
    check("embeddings", model.embeddings(), model.spec());
    check("lm_head", model.head(), model.spec());
    if (model.finalNorm().length != model.spec().hidden()) {
      throw new IllegalArgumentException(
          "final norm: expected %d elements, got %d; make the model's artifact again"
              .formatted(model.spec().hidden(), model.finalNorm().length));
    }
  }

  private static void check(String name, TokenTable table, ModelSpec spec) {
    if (table.tokens() != spec.vocabulary() || table.width() != spec.hidden()) {
      throw new IllegalArgumentException(
          "%s: expected [%d, %d], got [%d, %d]; make the model's artifact again"
              .formatted(name, spec.vocabulary(), spec.hidden(), table.tokens(), table.width()));
    }
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
  public static int group(QuantizedModel model, Stage stage) {
    return model.blocks().get(0).linear(stage.linears().get(0)).group();
  }
}
