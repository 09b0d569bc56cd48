package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.model.RopeSpec;
import java.util.List;
import java.util.Optional;

/** Rotary embedding of a GGUF file, as llama.cpp computes it. */
final class GgufRope {
  private static final String FACTORS = "rope_freqs.weight";

  private GgufRope() {}

  static RopeSpec read(GgufKeys keys, TensorTable tensors, int headDim, int context) {
    float theta = (float) keys.number(".rope.freq_base").orElse(10000);
    if (!(theta > 0)) {
      throw keys.wrong(".rope.freq_base", "a positive number", theta);
    }
    RopeSpec.Scaling scaling = scaling(keys, context);
    Optional<StoredTensor> factors = tensors.find(FACTORS);
    if (factors.isEmpty()) {
      return new RopeSpec(theta, scaling);
    }
    if (!(scaling instanceof RopeSpec.None)) {
      throw CheckpointException.refused(
          factors.get().where(),
          "no rope.scaling beside it",
          scaling,
          "convert the model again with a current llama.cpp");
    }
    float[] divisors =
        tensors.weight(FACTORS, List.of((long) headDim / 2)).readVector(RowOrder.AS_STORED);
    for (float divisor : divisors) {
      if (!(divisor > 0 && Float.isFinite(divisor))) {
        throw CheckpointException.refused(
            factors.get().where(),
            "positive factors",
            divisor,
            "the file is damaged: download it again");
      }
    }
    return new RopeSpec(theta, new RopeSpec.Factors(divisors));
  }

  private static RopeSpec.Scaling scaling(GgufKeys keys, int context) {
    double factor =
        keys.number(".rope.scaling.factor").orElse(keys.number(".rope.scale_linear").orElse(0));
    if (factor < 0) {
      throw keys.wrong(".rope.scaling.factor", "a positive number", factor);
    }
    String type = keys.text(".rope.scaling.type").orElse("linear");
    return switch (type) {
      case "none" -> new RopeSpec.None();
      case "linear" ->
          factor == 0 || factor == 1 ? new RopeSpec.None() : new RopeSpec.Linear((float) factor);
      case "yarn" -> yarn(keys, factor == 0 ? 1 : factor, context);
      default -> throw keys.wrong(".rope.scaling.type", "none, linear or yarn", type);
    };
  }

  private static RopeSpec.Scaling yarn(GgufKeys keys, double factor, int context) {
    if (keys.number(".rope.scaling.yarn_log_multiplier").orElse(0) != 0) {
      throw keys.wrong(".rope.scaling.yarn_log_multiplier", "0", "another value");
    }
    if (keys.number(".rope.scaling.yarn_ext_factor").orElse(1) != 1) {
      throw keys.wrong(".rope.scaling.yarn_ext_factor", "1", "another value");
    }
    int original = keys.integer(".rope.scaling.original_context_length").orElse(context);
    if (original == 0) {
      throw keys.wrong(".rope.scaling.original_context_length", "a positive number", original);
    }
    double attention =
        keys.number(".rope.scaling.attn_factor").orElse(1)
            * (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1);
    return new RopeSpec.Yarn(
        (float) factor,
        (float) keys.number(".rope.scaling.yarn_beta_fast").orElse(32),
        (float) keys.number(".rope.scaling.yarn_beta_slow").orElse(1),
        original,
        (float) attention,
        true);
  }
}
