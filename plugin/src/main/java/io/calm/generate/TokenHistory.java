package io.calm.generate;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * What changes logits by the request and the tokens so far: least length, biases and penalties.
 * Costs nothing where none is asked for.
 */
final class TokenHistory {
  private final SamplingParameters parameters;
  private final Set<Integer> ends;
  private final boolean penalties;
  private final Set<Integer> seen = new HashSet<>();
  private final Map<Integer, Integer> generated = new HashMap<>();
  private int length;

  /**
   * Starts before the first token of an answer.
   *
   * @param ends tokens that may not come before the least length
   */
  TokenHistory(SamplingParameters parameters, int[] prompt, Set<Integer> ends) {
    this.parameters = parameters;
    this.ends = ends;
    this.penalties =
        parameters.repetitionPenalty() != 1
            || parameters.frequencyPenalty() != 0
            || parameters.presencePenalty() != 0;
    if (penalties) {
      for (int token : prompt) {
        seen.add(token);
      }
    }
  }

  void add(int token) {
    length++;
    if (penalties) {
      seen.add(token);
      generated.merge(token, 1, Integer::sum);
    }
  }

  /** Returns the row that tokens are chosen from; the row itself where nothing changes it. */
  float[] penalized(float[] logits) {
    boolean early = length < parameters.minNewTokens() && !ends.isEmpty();
    if (!penalties && !early && parameters.logitBias().isEmpty()) {
      return logits;
    }
    float[] result = logits.clone();
    parameters.logitBias().forEach((token, bias) -> result[token] += bias);
    if (penalties) {
      penalize(result);
    }
    if (early) {
      ends.stream()
          .filter(token -> token < result.length) // a client may name any
          .forEach(token -> result[token] = Float.NEGATIVE_INFINITY);
    }
    return result;
  }

  private void penalize(float[] logits) {
    for (int token : seen) {
      float x = logits[token];
      logits[token] =
          x > 0 ? x / parameters.repetitionPenalty() : x * parameters.repetitionPenalty();
    }
    generated.forEach(
        (token, count) ->
            logits[token] -= count * parameters.frequencyPenalty() + parameters.presencePenalty());
  }
}
