package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.Arrays;
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

  /** What was changed in the row at hand, in order, and what was there. */
  private int[] changed = new int[16];

  private float[] before = new float[16];
  private int changes;

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

  /**
   * Changes the row in place to what tokens are chosen from; {@link #restore} takes that back. The
   * row itself where nothing changes it.
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
          .filter(token -> token < row.length) // a client may name any
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

  /** Makes the row what it was before {@link #penalized}. */
  void restore(Logits logits) {
    while (changes > 0) {
      changes--;
      logits.values()[changed[changes]] = before[changes];
    }
  }
}
