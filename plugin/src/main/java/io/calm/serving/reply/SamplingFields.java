package io.calm.serving.reply;

import com.google.gson.JsonElement;
import io.calm.generate.SamplingParameters;
import io.calm.serving.model.ServedModel;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;

/**
 * Reads the sampling keys that the schemas have in common. {@link SamplingParameters} checks their
 * ranges.
 */
public final class SamplingFields {
  private static final String STOP_TOKENS = "stop_token_ids";
  private static final int MAX_STOP_TOKENS = 4096;

  private SamplingFields() {}

  /**
   * Reads {@code top_p, top_k, min_p, repetition_penalty, frequency_penalty, presence_penalty,
   * logit_bias, min_tokens, include_stop_str_in_output, seed}.
   *
   * @param vocabulary token ids are below it
   */
  public static SamplingParameters.Builder common(
      RequestFields fields, int vocabulary, SamplingParameters.Builder to) {
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

  /** A positive number that a double holds exactly, so that JavaScript clients can send it back. */
  private static long randomSeed() {
    return RandomGenerator.getDefault().nextLong(1L << 53);
  }

  /** Reads stop strings from the first of the keys that is present; empty strings are refused. */
  public static List<String> stops(RequestFields fields, String... keys) {
    for (String key : keys) {
      if (fields.has(key)) {
        int count = fields.get(key).map(TokenIds::count).orElse(0);
        if (count > SamplingParameters.MAX_STOPS) {
          throw ApiException.invalid(
              fields.name(key),
              "expected at most %d strings, got %d".formatted(SamplingParameters.MAX_STOPS, count));
        }
        List<String> stops = fields.strings(key);
        stops.forEach(stop -> requireStop(fields.name(key), stop));
        return stops;
      }
    }
    return List.of();
  }

  private static void requireStop(String name, String stop) {
    if (stop.isEmpty()) {
      throw ApiException.invalid(name, "expected strings with text, got an empty one");
    }
    if (stop.length() > SamplingParameters.MAX_STOP_LENGTH) {
      throw ApiException.invalid(
          name,
          "expected strings of at most %d characters, got one of %d"
              .formatted(SamplingParameters.MAX_STOP_LENGTH, stop.length()));
    }
  }

  /**
   * Returns the tokens that end an answer: the model's own unless the client ignores them, and
   * always those of {@code stop_token_ids}.
   *
   * @param ignore the key of the flag that ignores the model's own
   */
  public static Set<Integer> endOfSequence(ServedModel model, RequestFields fields, String ignore) {
    Set<Integer> ends = stopTokens(fields, model.spec().vocabulary());
    if (!fields.flag(ignore, false)) {
      ends.addAll(model.defaults().endOfSequence());
    }
    return ends;
  }

  private static Set<Integer> stopTokens(RequestFields fields, int vocabulary) {
    Set<Integer> tokens = new HashSet<>();
    Optional<JsonElement> value = fields.get(STOP_TOKENS);
    if (value.isEmpty()) {
      return tokens;
    }
    int count = TokenIds.count(value.get());
    if (count > MAX_STOP_TOKENS) {
      throw ApiException.invalid(
          fields.name(STOP_TOKENS),
          "expected at most %d token ids, got %d".formatted(MAX_STOP_TOKENS, count));
    }
    for (int token : TokenIds.array(fields.name(STOP_TOKENS), value.get(), vocabulary)) {
      tokens.add(token);
    }
    return tokens;
  }

  /** Reads a temperature; empty if the client sent none. */
  public static Optional<Double> temperature(RequestFields fields, double max) {
    if (!fields.has("temperature")) {
      return Optional.empty();
    }
    double value = fields.number("temperature").orElseThrow();
    if (!(value >= 0 && value <= max)) {
      throw ApiException.invalid(
          fields.name("temperature"), "expected 0 to %s, got %s".formatted((int) max, value));
    }
    return Optional.of(value);
  }

  /** Builds a value and reports range errors as errors of the client. */
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
