package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import io.calm.model.RopeSpec;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Rotary embedding of a config.json: the old keys {@code rope_theta} and {@code rope_scaling}, or
 * the new {@code rope_parameters}.
 */
final class HfRope {
  private static final double DEFAULT_THETA = 10000;
  private static final String ORIGINAL = "original_max_position_embeddings";

  private final JsonFields config;
  private final JsonFields scaling;
  private final int maxContext;

  private HfRope(JsonFields config, JsonFields scaling, int maxContext) {
    this.config = config;
    this.scaling = scaling;
    this.maxContext = maxContext;
  }

  /**
   * Reads the rotary embedding.
   *
   * @param maxContext {@code max_position_embeddings}
   */
  static RopeSpec read(JsonFields config, int maxContext) {
    requireWhole(config);
    Optional<JsonFields> scaling =
        config.object("rope_parameters").or(() -> config.object("rope_scaling"));
    double topLevel = config.number("rope_theta").orElse(DEFAULT_THETA);
    if (scaling.isEmpty()) {
      return rope(config, topLevel, new RopeSpec.None());
    }
    requireWhole(scaling.get());
    double theta = scaling.get().number("rope_theta").orElse(topLevel);
    return rope(scaling.get(), theta, new HfRope(config, scaling.get(), maxContext).scaling());
  }

  private static RopeSpec rope(JsonFields fields, double theta, RopeSpec.Scaling scaling) {
    if (!(theta > 0)) {
      throw fields.wrong("rope_theta", "a positive number", theta);
    }
    return new RopeSpec((float) theta, scaling);
  }

  private static void requireWhole(JsonFields fields) {
    double part = fields.number("partial_rotary_factor").orElse(1);
    if (part != 1) {
      throw fields.wrong("partial_rotary_factor", "1", part);
    }
  }

  private RopeSpec.Scaling scaling() {
    String type = scaling.text("rope_type").or(() -> scaling.text("type")).orElse("default");
    if (scaling.has("full_attention")) {
      throw scaling.wrong("full_attention", "one rotary embedding for all blocks", "one a kind");
    }
    return switch (type) {
      case "default" -> new RopeSpec.None();
      case "linear" -> new RopeSpec.Linear((float) positive("factor"));
      case "llama3" -> llama3();
      case "yarn" -> yarn();
      default -> throw scaling.wrong("rope_type", "default, linear, llama3 or yarn", type);
    };
  }

  private RopeSpec.Llama3 llama3() {
    double low = positive("low_freq_factor");
    double high = positive("high_freq_factor");
    if (high <= low) {
      throw scaling.wrong("high_freq_factor", "more than low_freq_factor, " + low, high);
    }
    int original = originalContext().orElseThrow(() -> missing(ORIGINAL));
    return new RopeSpec.Llama3((float) positive("factor"), (float) low, (float) high, original);
  }

  private OptionalInt originalContext() {
    OptionalInt here = scaling.integer(ORIGINAL);
    OptionalInt original = here.isPresent() ? here : config.integer(ORIGINAL);
    if (original.isPresent() && original.getAsInt() == 0) {
      throw scaling.wrong(ORIGINAL, "a positive number", 0);
    }
    return original;
  }

  private RopeSpec.Yarn yarn() {
    OptionalInt original = originalContext();
    double factor =
        original.isPresent() && scaling.number("factor").isEmpty()
            ? (double) maxContext / original.getAsInt()
            : positive("factor");
    OptionalDouble attention = scaling.number("attention_factor");
    return new RopeSpec.Yarn(
        (float) factor,
        (float) orDefault("beta_fast", 32),
        (float) orDefault("beta_slow", 1),
        original.orElse(maxContext),
        (float) (attention.isPresent() ? attention.getAsDouble() : attentionFactor(factor)),
        scaling.flag("truncate").orElse(true));
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

  /** Reads a number that transformers replaces by its default where it is absent or 0. */
  private double orDefault(String key, double fallback) {
    double value = scaling.number(key).orElse(fallback);
    return value == 0 ? fallback : value;
  }

  private double positive(String key) {
    double value = scaling.number(key).orElseThrow(() -> missing(key));
    if (value <= 0) {
      throw scaling.wrong(key, "a positive number", value);
    }
    return value;
  }

  private CheckpointException missing(String key) {
    return scaling.wrong(key, "a positive number", "nothing");
  }
}
