package io.calm.serving.api;

import io.calm.generate.SamplingParameters;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;

/**
 * What the schemas have in common: sampling keys whose ranges {@link SamplingParameters} checks.
 */
public final class Sampling {
  private Sampling() {}

  /**
   * Reads {@code top_p, top_k, min_p, repetition_penalty, frequency_penalty, presence_penalty,
   * logit_bias, min_tokens, include_stop_str_in_output, seed}.
   *
   * @param vocabulary token ids are below it
   */
  public static SamplingParameters.Builder common(
      JsonFields fields, int vocabulary, SamplingParameters.Builder to) {
    fields.number("top_p").ifPresent(to::topP);
    fields.number("min_p").ifPresent(to::minP);
    fields.number("repetition_penalty").ifPresent(to::repetitionPenalty);
    fields.number("frequency_penalty").ifPresent(to::frequencyPenalty);
    fields.number("presence_penalty").ifPresent(to::presencePenalty);
    OptionalInt topK = fields.integer("top_k", -1, Integer.MAX_VALUE);
    topK.ifPresent(value -> to.topK(Math.max(0, value)));
    fields.integer("min_tokens", 0, Integer.MAX_VALUE).ifPresent(to::minNewTokens);
    to.logitBias(LogitBias.read(fields, vocabulary));
    to.includeStop(fields.flag("include_stop_str_in_output", false));
    OptionalLong seed = fields.wholeNumber("seed");
    return to.seed(seed.isPresent() ? seed.getAsLong() : randomSeed());
  }

  /** A positive number that a double holds exactly, so that JavaScript can send it back. */
  private static long randomSeed() {
    return RandomGenerator.getDefault().nextLong(1L << 53);
  }

  /** Reads stop strings from the first of the keys that is there; empty ones are refused. */
  public static List<String> stops(JsonFields fields, String... keys) {
    for (String key : keys) {
      if (fields.has(key)) {
        List<String> stops = fields.strings(key);
        if (stops.stream().anyMatch(String::isEmpty)) {
          throw ApiException.invalid(
              fields.name(key), "expected strings with text, got an empty one");
        }
        if (stops.size() > SamplingParameters.MAX_STOPS) {
          throw ApiException.invalid(
              fields.name(key),
              "expected at most %d strings, got %d"
                  .formatted(SamplingParameters.MAX_STOPS, stops.size()));
        }
        return stops;
      }
    }
    return List.of();
  }

  /** Reads {@code stop_token_ids}. */
  public static Set<Integer> stopTokens(JsonFields fields) {
    Set<Integer> tokens = new HashSet<>();
    fields
        .get("stop_token_ids")
        .ifPresent(
            value -> {
              for (int token : TokenIds.array(fields.name("stop_token_ids"), value)) {
                tokens.add(token);
              }
            });
    return tokens;
  }

  /** Reads a temperature; empty where the client gave none. */
  public static Optional<Double> temperature(JsonFields fields, double most) {
    if (!fields.has("temperature")) {
      return Optional.empty();
    }
    double value = fields.number("temperature").orElseThrow();
    if (!(value >= 0 && value <= most)) {
      throw ApiException.invalid(
          fields.name("temperature"), "expected 0 to %s, got %s".formatted((int) most, value));
    }
    return Optional.of(value);
  }

  /** Builds with errors of ranges made errors of the client. */
  public static SamplingParameters checked(Supplier<SamplingParameters> build) {
    try {
      return build.get();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      int colon = message.indexOf(':');
      throw new ApiException(
          ApiException.Kind.INVALID,
          message,
          colon > 0 ? Optional.of(message.substring(0, colon)) : Optional.empty());
    }
  }
}
