package io.calm.generate;

import java.util.stream.IntStream;

/**
 * Chooses one token from a row of logits [V]. Draw {@code i} of a request depends on its seed and
 * {@code i} alone (SplitMix64 as a counter), so neither the batch nor the time changes an answer.
 */
final class Sampler {
  private static final long GOLDEN_GAMMA = 0x9E37_79B9_7F4A_7C15L;

  private final SamplingParameters parameters;
  private long draws;

  Sampler(SamplingParameters parameters) {
    this.parameters = parameters;
  }

  /**
   * Returns the chosen token.
   *
   * @param logits with penalties; not changed
   * @throws ArithmeticException if a logit is NaN or none is finite
   */
  int choose(float[] logits) {
    float max = LogProbabilities.max(logits);
    if (parameters.greedy()) {
      return TopTokens.largest(logits, 1)[0];
    }
    int[] candidates = candidates(logits, max);
    double[] weights = weights(logits, max, candidates);
    int kept = nucleus(weights);
    double target = uniform() * sum(weights, kept);
    double cumulative = 0;
    for (int i = 0; i < kept - 1; i++) {
      cumulative += weights[i];
      if (target < cumulative) {
        return candidates[i];
      }
    }
    return candidates[kept - 1];
  }

  /**
   * Returns the tokens that may be chosen, likeliest first where one of the three filters is on.
   */
  private int[] candidates(float[] logits, float max) {
    if (parameters.topK() > 0 && parameters.topK() < logits.length) {
      return TopTokens.largest(logits, parameters.topK());
    }
    double least = Double.NEGATIVE_INFINITY;
    if (parameters.topP() < 1) {
      // Tokens below (1 - p) / V of the whole hold less than 1 - p together: outside the nucleus.
      double sum = 0;
      for (float x : logits) {
        sum += Math.exp((x - max) / parameters.temperature());
      }
      least = Math.log(0.999 * (1.0 - parameters.topP()) * sum / logits.length);
    }
    if (parameters.minP() > 0) {
      least = Math.max(least, Math.log(0.999 * parameters.minP()));
    }
    if (least == Double.NEGATIVE_INFINITY) {
      return IntStream.range(0, logits.length).toArray();
    }
    return TopTokens.atLeast(
        logits, (float) Math.min(max, max + least * parameters.temperature() - 1e-3));
  }

  private double[] weights(float[] logits, float max, int[] candidates) {
    double[] weights = new double[candidates.length];
    for (int i = 0; i < candidates.length; i++) {
      weights[i] = Math.exp((logits[candidates[i]] - max) / parameters.temperature());
    }
    return weights;
  }

  /** Returns how many of the descending weights top_p and min_p leave: at least one. */
  private int nucleus(double[] weights) {
    int kept = weights.length;
    if (parameters.topP() < 1) {
      double enough = parameters.topP() * sum(weights, weights.length);
      double cumulative = 0;
      kept = 0;
      while (kept < weights.length && (kept == 0 || cumulative < enough)) {
        cumulative += weights[kept++];
      }
    }
    if (parameters.minP() > 0) {
      while (kept > 1 && weights[kept - 1] < parameters.minP() * weights[0]) {
        kept--;
      }
    }
    return kept;
  }

  private static double sum(double[] weights, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += weights[i];
    }
    return sum;
  }

  private double uniform() {
    long z = parameters.seed() + GOLDEN_GAMMA * ++draws;
    z = (z ^ (z >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D0_49BB_1331_11EBL;
    return ((z ^ (z >>> 31)) >>> 11) * 0x1.0p-53;
  }
}
