package io.calm.generate;

import java.util.ArrayList;
import java.util.List;

/** The distribution of one row of logits [V]: {@code log p[i] = x[i] - log sum exp x}. */
final class LogProbabilities {
  private final float[] logits;
  private final double normalizer;

  /**
   * Normalizes a row.
   *
   * @throws ArithmeticException if a logit is NaN or none is finite
   */
  LogProbabilities(float[] logits) {
    this.logits = logits;
    float max = max(logits);
    double sum = 0;
    for (float x : logits) {
      sum += Math.exp(x - max);
    }
    this.normalizer = max + Math.log(sum);
  }

  /** Returns the largest value. */
  static float max(float[] values) {
    float max = Float.NEGATIVE_INFINITY;
    for (float x : values) {
      max = Math.max(max, x); // NaN wins
    }
    if (Float.isNaN(max) || Float.isInfinite(max)) {
      throw new ArithmeticException(
          "logits: expected finite numbers, got %s as the largest".formatted(max));
    }
    return max;
  }

  TokenScore of(int token) {
    return new TokenScore(token, (float) Math.min(0, logits[token] - normalizer));
  }

  /** Returns the likeliest tokens, best first. */
  List<TokenScore> top(int count) {
    List<TokenScore> scores = new ArrayList<>(count);
    for (int token : TopTokens.largest(logits, count)) {
      scores.add(of(token));
    }
    return List.copyOf(scores);
  }
}
