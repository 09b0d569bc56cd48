package io.calm.serving.reply;

import io.calm.generate.SamplingParameters;
import io.calm.text.Printable;
import java.util.HashMap;
import java.util.Map;

/** Reads {@code logit_bias}: token ids as keys, numbers from -100 to 100 as values. */
final class LogitBias {
  private static final String KEY = "logit_bias";

  private LogitBias() {}

  /**
   * Reads the biases of a request.
   *
   * @param vocabulary token ids are below it
   */
  static Map<Integer, Float> read(RequestFields fields, int vocabulary) {
    Map<Integer, Float> biases = new HashMap<>();
    fields
        .object(KEY)
        .ifPresent(
            given -> {
              int count = given.json().size();
              if (count > SamplingParameters.MAX_BIASES) {
                throw ApiException.invalid(
                    fields.name(KEY),
                    "expected at most %d token ids, got %d"
                        .formatted(SamplingParameters.MAX_BIASES, count));
              }
              for (String key : given.keys()) {
                int token = token(given.name(key), key, vocabulary);
                given.number(key).ifPresent(bias -> biases.put(token, bias(given, key, bias)));
              }
            });
    return biases;
  }

  private static int token(String name, String key, int vocabulary) {
    int token;
    try {
      token = Integer.parseInt(key);
    } catch (NumberFormatException e) {
      token = -1;
    }
    if (token < 0 || token >= vocabulary) {
      throw ApiException.invalid(
          name,
          "expected a token id below %d as the key, got \"%s\""
              .formatted(vocabulary, Printable.of(key)));
    }
    // Two spellings of a token would make the result depend on their order.
    if (!Integer.toString(token).equals(key)) {
      throw ApiException.invalid(
          name,
          "expected the token id %d in plain digits as the key, got \"%s\""
              .formatted(token, Printable.of(key)));
    }
    return token;
  }

  private static float bias(RequestFields given, String key, double bias) {
    int max = SamplingParameters.MAX_BIAS;
    if (!(bias >= -max && bias <= max)) {
      throw ApiException.invalid(
          given.name(key), "expected -%d to %d, got %s".formatted(max, max, bias));
    }
    return (float) bias;
  }
}
