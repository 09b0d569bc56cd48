package io.calm.export.gguf;

import io.calm.export.ExportException;
import io.calm.export.RopeDivisors;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;

/** The sizes and topology of a model as metadata that llama.cpp computes with. */
final class GgufArchitecture {
  static final String LLAMA = "llama";
  private static final String QWEN2 = "qwen2";

  private static final Set<LinearRole> QWEN2_BIASES =
      EnumSet.of(LinearRole.Q, LinearRole.K, LinearRole.V);

  private GgufArchitecture() {}

  /** Returns llama.cpp's name of the architecture. Mistral is a LLaMA there. */
  static String architecture(ModelSpec spec) {
    return spec.architecture().equals("mistral") ? LLAMA : spec.architecture();
  }

  /**
   * Checks that llama.cpp computes this topology.
   *
   * @throws ExportException if it does not
   */
  static void requireSupported(ModelSpec spec) {
    Set<LinearRole> possible =
        switch (architecture(spec)) {
          case LLAMA -> EnumSet.allOf(LinearRole.class);
          case QWEN2 -> QWEN2_BIASES;
          case "qwen3" -> EnumSet.noneOf(LinearRole.class);
          default ->
              throw refused("llama, mistral, qwen2 or qwen3", spec.architecture(), "model_type");
        };
    if (!possible.containsAll(spec.biases())) {
      throw refused(
          "biases of %s at most, as llama.cpp has in %s".formatted(possible, architecture(spec)),
          spec.biases(),
          "biases");
    }
    if (architecture(spec).equals(QWEN2) && spec.heads() * spec.headDim() != spec.hidden()) {
      throw refused("hidden_size / heads, as in llama.cpp's qwen2", spec.headDim(), "head_dim");
    }
    if (!architecture(spec).equals(LLAMA) && ropeFactors(spec).isPresent()) {
      throw refused(
          "linear or yarn, as llama.cpp has in " + architecture(spec),
          spec.rope().scaling(),
          "rope_scaling");
    }
    if (spec.rope().scaling() instanceof RopeSpec.Yarn yarn) {
      requireSupported(yarn);
    }
  }

  /** llama.cpp has keys for both betas, but does not read them in these architectures. */
  private static void requireSupported(RopeSpec.Yarn yarn) {
    if (!yarn.truncate()) {
      throw refused("YaRN with truncate=true, as in llama.cpp", "truncate=false", "rope_scaling");
    }
    if (yarn.betaFast() != 32 || yarn.betaSlow() != 1) {
      throw refused(
          "YaRN with beta_fast=32 and beta_slow=1, as in llama.cpp",
          "beta_fast=%s and beta_slow=%s".formatted(yarn.betaFast(), yarn.betaSlow()),
          "rope_scaling");
    }
  }

  private static ExportException refused(String expected, Object got, String where) {
    return ExportException.refused(
        "gguf: " + where, expected, got, "export with --format safetensors");
  }

  /**
   * Returns the context that the file declares. llama.cpp lets a token of these architectures
   * attend to all tokens before it. In a model with a window, that is right up to the window's
   * length.
   */
  static int context(ModelSpec spec) {
    return spec.windows().stream()
        .filter(window -> window > 0)
        .reduce(spec.maxContext(), Math::min);
  }

  static void put(ModelSpec spec, GgufMetadata metadata) {
    String name = architecture(spec);
    metadata
        .put(name + ".vocab_size", spec.vocabulary())
        .put(name + ".context_length", context(spec))
        .put(name + ".embedding_length", spec.hidden())
        .put(name + ".block_count", spec.layers())
        .put(name + ".feed_forward_length", spec.intermediate())
        .put(name + ".attention.head_count", spec.heads())
        .put(name + ".attention.head_count_kv", spec.kvHeads())
        .put(name + ".attention.key_length", spec.headDim())
        .put(name + ".attention.value_length", spec.headDim())
        .put(name + ".attention.layer_norm_rms_epsilon", spec.rmsEpsilon())
        .put(name + ".rope.dimension_count", spec.headDim())
        .put(name + ".rope.freq_base", spec.rope().theta());
    putScaling(name + ".rope.scaling.", spec.rope().scaling(), metadata);
  }

  private static void putScaling(String prefix, RopeSpec.Scaling scaling, GgufMetadata metadata) {
    if (scaling instanceof RopeSpec.Linear linear) {
      metadata.put(prefix + "type", "linear").put(prefix + "factor", linear.factor());
    } else if (scaling instanceof RopeSpec.Yarn yarn) {
      // llama.cpp multiplies its own attention factor by this one.
      double own = yarn.factor() <= 1 ? 1 : 0.1 * Math.log(yarn.factor()) + 1;
      metadata
          .put(prefix + "type", "yarn")
          .put(prefix + "factor", yarn.factor())
          .put(prefix + "original_context_length", yarn.originalContext())
          .put(prefix + "attn_factor", yarn.attentionFactor() / own)
          .put(prefix + "yarn_beta_fast", yarn.betaFast())
          .put(prefix + "yarn_beta_slow", yarn.betaSlow());
    }
  }

  /** Returns the divisor [headDim/2] of each rotary frequency; empty if the keys say it all. */
  static Optional<float[]> ropeFactors(ModelSpec spec) {
    RopeSpec.Scaling scaling = spec.rope().scaling();
    if (scaling instanceof RopeSpec.Factors factors) {
      return Optional.of(factors.divisors());
    }
    return scaling instanceof RopeSpec.Llama3 llama3
        ? Optional.of(RopeDivisors.of(llama3, spec.rope().theta(), spec.headDim()))
        : Optional.empty();
  }
}
