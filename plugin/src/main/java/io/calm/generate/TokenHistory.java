package io.calm.generate;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/** The tokens that penalties look at; empty where none is asked for. */
final class TokenHistory {
  private final SamplingParameters parameters;
  private final boolean active;
  private final Set<Integer> seen = new HashSet<>();
  private final Map<Integer, Integer> generated = new HashMap<>();

  TokenHistory(SamplingParameters parameters, int[] prompt) {
    this.parameters = parameters;
    this.active =
        parameters.repetitionPenalty() != 1
            || parameters.frequencyPenalty() != 0
            || parameters.presencePenalty() != 0;
    if (active) {
      for (int token : prompt) {
        seen.add(token);
      }
    }
  }

  void add(int token) {
    if (active) {
      seen.add(token);
      generated.merge(token, 1, Integer::sum);
    }
  }

  /** Returns the row with penalties; the row itself where there are none. */
  float[] penalized(float[] logits) {
    if (!active) {
      return logits;
    }
    float[] result = logits.clone();
    for (int token : seen) {
      float x = result[token];
      result[token] =
          x > 0 ? x / parameters.repetitionPenalty() : x * parameters.repetitionPenalty();
    }
    generated.forEach(
        (token, count) ->
            result[token] -= count * parameters.frequencyPenalty() + parameters.presencePenalty());
    return result;
  }
}
