package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * The tokens of a sequence as far as they affect its logits: minimum length, biases and penalties.
 * Adds no cost if a request uses none of them.
 */
final class TokenHistory {
  private final SamplingParameters parameters;
  private final Set<Integer> ends;
  private final boolean penalties;
  private final Set<Integer> seen = new HashSet<>();
  private final Map<Integer, Integer> generated = new HashMap<>();
  private int length;

  /** Tokens whose logits were changed in the current row, in order; {@link #before} has the old. */
  private int[] changed = new int[16];

  private float[] before = new float[16];
  private int changes;

  /**
   * Creates the history of an empty answer.
   *
   * @param ends end-of-sequence tokens, which are banned before the minimum length
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

  /**
   * Applies minimum length, biases and penalties to the row in place; {@link #restore} reverts
   * them. Returns the same object if nothing changes.
   */
  Logits penalized(Logits logits) {
    boolean early = length < parameters.minNewTokens() && !ends.isEmpty();
    if (!penalties && !early && parameters.logitBias().isEmpty()) {
      return logits;
    }
    float[] row = logits.values();
    parameters.logitBias().forEach((token, bias) -> set(row, token, row[token] + bias));
    if (penalties) {
      penalize(row);
    }
    if (early) {
      ends.stream()
          .filter(token -> token < row.length) // ids from clients may be out of range
          .forEach(token -> set(row, token, Float.NEGATIVE_INFINITY));
    }
    float largest = Float.NEGATIVE_INFINITY;
    for (float x : row) {
      largest = Math.max(largest, x);
    }
    return new Logits(row, largest, logits.logSum());
  }

  private void penalize(float[] row) {
    for (int token : seen) {
      float x = row[token];
      set(
          row,
          token,
          x > 0 ? x / parameters.repetitionPenalty() : x * parameters.repetitionPenalty());
    }
    generated.forEach(
        (token, count) ->
            set(
                row,
                token,
                row[token]
                    - (count * parameters.frequencyPenalty() + parameters.presencePenalty())));
  }

  private void set(float[] row, int token, float value) {
    if (changes == changed.length) {
      changed = Arrays.copyOf(changed, 2 * changes);
      before = Arrays.copyOf(before, 2 * changes);
    }
    changed[changes] = token;
    before[changes++] = row[token];
    row[token] = value;
  }

  /** Restores the row's values from before {@link #penalized}. */
  void restore(Logits logits) {
    while (changes > 0) {
      changes--;
      logits.values()[changed[changes]] = before[changes];
    }
  }
}
