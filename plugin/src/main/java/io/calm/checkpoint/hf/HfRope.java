package io.calm.checkpoint.hf;

import io.calm.model.RopeSpec;
import io.calm.model.SizeException;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Reads the rotary embedding of a config.json as Hugging Face transformers 5 does. A non-empty
 * {@code rope_scaling} replaces {@code rope_parameters} as a whole. Missing values, such as {@code
 * rope_theta}, are taken from top-level keys.
 */
final class HfRope {
  private static final double DEFAULT_THETA = 10000;
  private static final String THETA = "rope_theta";
  private static final String ORIGINAL = "original_max_position_embeddings";

  /** Keys in config.json by component of {@link RopeSpec}. */
  private static final Map<String, String> KEYS =
      Map.of(
          "theta", THETA,
          "factor", "factor",
          "lowFrequencyFactor", "low_freq_factor",
          "highFrequencyFactor", "high_freq_factor",
          "betaFast", "beta_fast",
          "betaSlow", "beta_slow",
          "attentionFactor", "attention_factor",
          "originalContext", ORIGINAL);

  private final ConfigFields config;
  private final ConfigFields parameters;
  private final int maxContext;

  private HfRope(ConfigFields config, ConfigFields parameters, int maxContext) {
    this.config = config;
    this.parameters = parameters;
    this.maxContext = maxContext;
  }

  /**
   * Reads the rotary embedding.
   *
   * @param maxContext {@code max_position_embeddings}
   * @throws io.calm.checkpoint.CheckpointException if the kind of scaling is not supported or a
   *     value is invalid
   */
  static RopeSpec read(ConfigFields config, int maxContext) {
    ConfigFields parameters =
        config
            .object("rope_scaling")
            .filter(scaling -> !scaling.keys().isEmpty())
            .or(() -> config.object("rope_parameters"))
            .orElse(config);
    return new HfRope(config, parameters, maxContext).read();
  }

  private RopeSpec read() {
    requireWhole(config);
    requireWhole(parameters);
    try {
      RopeSpec.Scaling scaling = parameters == config ? new RopeSpec.None() : scaling();
      return new RopeSpec((float) theta(), scaling);
    } catch (SizeException e) {
      String key = KEYS.getOrDefault(e.size(), e.size());
      ConfigFields holder = parameters.has(key) ? parameters : config;
      throw holder.wrong(key, e.expected(), e.got());
    }
  }

  private double theta() {
    return parameters.number(THETA).orElse(config.number(THETA).orElse(DEFAULT_THETA));
  }

  private static void requireWhole(ConfigFields fields) {
    double part = fields.number("partial_rotary_factor").orElse(1);
    if (part != 1) {
      throw fields.wrong("partial_rotary_factor", "1", part);
    }
  }

  private RopeSpec.Scaling scaling() {
    for (String key : parameters.keys()) {
      if (parameters.isObject(key)) {
        throw parameters.wrong(
            key, "one rotary embedding for all blocks", "a separate one for blocks of this type");
      }
    }
    String type = parameters.text("rope_type").or(() -> parameters.text("type")).orElse("default");
    return switch (type) {
      case "default" -> new RopeSpec.None();
      case "linear" -> new RopeSpec.Linear(required("factor"));
      case "llama3" ->
          new RopeSpec.Llama3(
              required("factor"),
              required("low_freq_factor"),
              required("high_freq_factor"),
              originalContext());
      case "yarn" -> yarn();
      default -> throw parameters.wrong("rope_type", "default, linear, llama3 or yarn", type);
    };
  }

  /** Returns the context of the training; the top-level key has precedence. */
  private int originalContext() {
    OptionalInt beside = config.integer(ORIGINAL);
    return beside.isPresent() ? beside.getAsInt() : parameters.integer(ORIGINAL).orElse(maxContext);
  }

  private RopeSpec.Yarn yarn() {
    int original = originalContext();
    double factor =
        parameters.number("factor").orElse(original == 0 ? 0 : (double) maxContext / original);
    OptionalDouble attention = parameters.number("attention_factor");
    return new RopeSpec.Yarn(
        (float) factor,
        (float) orDefault("beta_fast", 32),
        (float) orDefault("beta_slow", 1),
        original,
        (float) (attention.isPresent() ? attention.getAsDouble() : attentionFactor(factor)),
        parameters.flag("truncate").orElse(true));
  }

  private double attentionFactor(double factor) {
    double scale = orDefault("mscale", 0);
    double allDims = orDefault("mscale_all_dim", 0);
    return scale != 0 && allDims != 0
        ? magnitude(factor, scale) / magnitude(factor, allDims)
        : magnitude(factor, 1);
  }

  private static double magnitude(double factor, double scale) {
    return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
  }

  /** Reads a number; transformers uses the default if it is absent or 0. */
  private double orDefault(String key, double fallback) {
    double value = parameters.number(key).orElse(fallback);
    return value == 0 ? fallback : value;
  }

  private float required(String key) {
    return (float)
        parameters
            .number(key)
            .orElseThrow(() -> parameters.wrong(key, "a positive number", "nothing"));
  }
}
