package io.calm.export;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;

/** The config.json of a model that has none, e.g. of one in a GGUF file. */
final class HuggingFaceConfig {
  private static final Set<LinearRole> QKV =
      Collections.unmodifiableSet(EnumSet.of(LinearRole.Q, LinearRole.K, LinearRole.V));
  private static final Set<LinearRole> ATTENTION =
      Collections.unmodifiableSet(EnumSet.range(LinearRole.Q, LinearRole.O));
  private static final Set<LinearRole> FEED_FORWARD =
      Collections.unmodifiableSet(EnumSet.range(LinearRole.GATE, LinearRole.DOWN));

  /** Original contexts and factors of LLaMA 3.1, 3.2 and 3.3. */
  private static final int LLAMA3_CONTEXT = 8192;

  private final ModelSpec spec;
  private final JsonObject json = new JsonObject();

  private HuggingFaceConfig(ModelSpec spec) {
    this.spec = spec;
  }

  /**
   * Returns the file's content, without keys of tokens and number formats.
   *
   * @throws ExportException if transformers does not compute this topology
   */
  static JsonObject of(ModelSpec spec) {
    return new HuggingFaceConfig(spec).config();
  }

  /** Returns the linears with a bias in transformers: all of a kind where one has a bias. */
  static Set<LinearRole> biases(ModelSpec spec) {
    Set<LinearRole> biases = EnumSet.noneOf(LinearRole.class);
    if (spec.architecture().equals("qwen2")) {
      biases.addAll(QKV);
      requireOnly(spec, QKV);
      return biases;
    }
    if (spec.biases().stream().anyMatch(ATTENTION::contains)) {
      biases.addAll(ATTENTION);
    }
    if (spec.biases().stream().anyMatch(FEED_FORWARD::contains)) {
      biases.addAll(FEED_FORWARD);
    }
    if (spec.architecture().equals("qwen3")) {
      requireOnly(spec, ATTENTION);
    }
    return biases;
  }

  private static void requireOnly(ModelSpec spec, Set<LinearRole> possible) {
    if (!possible.containsAll(spec.biases())) {
      throw refused("biases", "those of transformers, " + possible, spec.biases());
    }
  }

  private static ExportException refused(String where, String expected, Object got) {
    return ExportException.refused(
        "config.json: " + where, expected, got, "export with --format gguf");
  }

  private JsonObject config() {
    boolean windowed = spec.windows().stream().anyMatch(window -> window > 0);
    String family = spec.architecture();
    if (family.equals("llama") && windowed) {
      family = "mistral";
    }
    JsonArray architectures = new JsonArray();
    architectures.add(
        Character.toUpperCase(family.charAt(0)) + family.substring(1) + "ForCausalLM");
    json.add("architectures", architectures);
    json.addProperty("model_type", family);
    json.addProperty("hidden_act", "silu");
    json.addProperty("hidden_size", spec.hidden());
    json.addProperty("intermediate_size", spec.intermediate());
    json.addProperty("num_hidden_layers", spec.layers());
    json.addProperty("num_attention_heads", spec.heads());
    json.addProperty("num_key_value_heads", spec.kvHeads());
    json.addProperty("head_dim", spec.headDim());
    json.addProperty("vocab_size", spec.vocabulary());
    json.addProperty("max_position_embeddings", spec.maxContext());
    json.addProperty("rms_norm_eps", Double.parseDouble(Float.toString(spec.rmsEpsilon())));
    addBiases(family);
    addWindows(family, windowed);
    json.addProperty("rope_theta", Double.parseDouble(Float.toString(spec.rope().theta())));
    addScaling();
    json.addProperty("use_cache", true);
    return json;
  }

  private void addBiases(String family) {
    Set<LinearRole> biases = biases(spec);
    if (family.equals("mistral") && !biases.isEmpty()) {
      throw refused("biases", "none in a model with a sliding window", biases);
    }
    if (family.equals("llama") || family.equals("qwen3")) {
      json.addProperty("attention_bias", biases.contains(LinearRole.O));
    }
    if (family.equals("llama")) {
      json.addProperty("mlp_bias", biases.contains(LinearRole.DOWN));
    }
  }

  private void addWindows(String family, boolean windowed) {
    if (!windowed) {
      return;
    }
    Set<Integer> windows = new HashSet<>(spec.windows());
    boolean everyBlock = windows.size() == 1;
    windows.remove(0);
    if (windows.size() > 1 || (family.equals("mistral") && !everyBlock)) {
      throw refused("sliding_window", "one window for all blocks", spec.windows());
    }
    json.addProperty("sliding_window", windows.iterator().next());
    if (!family.equals("mistral")) {
      json.addProperty("use_sliding_window", true);
      JsonArray types = new JsonArray();
      spec.windows()
          .forEach(window -> types.add(window > 0 ? "sliding_attention" : "full_attention"));
      json.add("layer_types", types);
    }
  }

  private void addScaling() {
    RopeSpec.Scaling scaling = spec.rope().scaling();
    JsonObject rope = new JsonObject();
    if (scaling instanceof RopeSpec.Linear linear) {
      rope.addProperty("rope_type", "linear");
      rope.addProperty("factor", linear.factor());
    } else if (scaling instanceof RopeSpec.Yarn yarn) {
      rope.addProperty("rope_type", "yarn");
      rope.addProperty("factor", yarn.factor());
      rope.addProperty("beta_fast", yarn.betaFast());
      rope.addProperty("beta_slow", yarn.betaSlow());
      rope.addProperty("attention_factor", yarn.attentionFactor());
      rope.addProperty("original_max_position_embeddings", yarn.originalContext());
      rope.addProperty("truncate", yarn.truncate());
    } else if (scaling instanceof RopeSpec.Llama3 llama3) {
      putLlama3(rope, llama3);
    } else if (scaling instanceof RopeSpec.Factors factors) {
      putLlama3(rope, fitted(factors.divisors()));
    }
    if (!rope.isEmpty()) {
      json.add("rope_scaling", rope);
    }
  }

  private static void putLlama3(JsonObject rope, RopeSpec.Llama3 scaling) {
    rope.addProperty("rope_type", "llama3");
    rope.addProperty("factor", scaling.factor());
    rope.addProperty("low_freq_factor", scaling.lowFrequencyFactor());
    rope.addProperty("high_freq_factor", scaling.highFrequencyFactor());
    rope.addProperty("original_max_position_embeddings", scaling.originalContext());
  }

  /** Returns the scaling of LLaMA 3 that has these divisors. */
  private RopeSpec.Llama3 fitted(float[] divisors) {
    RopeSpec.Llama3 candidate =
        new RopeSpec.Llama3(divisors[divisors.length - 1], 1, 4, LLAMA3_CONTEXT);
    float[] expected = RopeDivisors.of(candidate, spec.rope().theta(), spec.headDim());
    for (int i = 0; i < divisors.length; i++) {
      if (Math.abs(divisors[i] - expected[i]) > 1e-4 * expected[i]) {
        throw refused(
            "rope_scaling",
            "the rotary factors of LLaMA 3.1 or 3.2",
            "others in rope_freqs.weight");
      }
    }
    return candidate;
  }
}
