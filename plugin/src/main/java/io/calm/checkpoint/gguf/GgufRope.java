package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.model.RopeSpec;
import io.calm.model.SizeException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the rotary embedding of a GGUF file, as llama.cpp interprets it. */
final class GgufRope {
  static final String FACTORS = "rope_freqs.weight";

  private GgufRope() {}

  /** Metadata keys by component of {@link RopeSpec}. */
  private static final Map<String, String> KEYS =
      Map.of(
          "theta", ".rope.freq_base",
          "factor", ".rope.scaling.factor",
          "betaFast", ".rope.scaling.yarn_beta_fast",
          "betaSlow", ".rope.scaling.yarn_beta_slow",
          "attentionFactor", ".rope.scaling.attn_factor",
          "originalContext", ".rope.scaling.original_context_length");

  static RopeSpec read(GgufKeys keys, TensorTable tensors, int headDim, int context) {
    try {
      return checked(keys, tensors, headDim, context);
    } catch (SizeException e) {
      throw keys.wrong(KEYS.getOrDefault(e.size(), e.size()), e.expected(), e.got());
    }
  }

  private static RopeSpec checked(GgufKeys keys, TensorTable tensors, int headDim, int context) {
    float theta = (float) keys.number(".rope.freq_base").orElse(10000);
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
    try {
      return new RopeSpec(theta, new RopeSpec.Factors(divisors));
    } catch (SizeException e) {
      throw CheckpointException.refused(
          factors.get().where(),
          "factors of " + e.expected(),
          e.got(),
          "the file is damaged: download it again");
    }
  }

  private static RopeSpec.Scaling scaling(GgufKeys keys, int context) {
    double factor =
        keys.number(".rope.scaling.factor").orElse(keys.number(".rope.scale_linear").orElse(0));
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
