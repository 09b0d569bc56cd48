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
    boolean topK = parameters.topK() > 0 && parameters.topK() < logits.length;
    double all = parameters.topP() < 1 && !topK ? sum(weights(logits, max), logits.length) : 0;
    int[] candidates =
        topK ? TopTokens.largest(logits, parameters.topK()) : candidates(logits, max, all);
    double[] weights = new double[candidates.length];
    for (int i = 0; i < candidates.length; i++) {
      weights[i] = weight(logits[candidates[i]], max);
    }
    int kept = nucleus(weights, topK ? sum(weights, weights.length) : all);
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
   * Returns the tokens that top_p and min_p may leave, likeliest first; every token in order of its
   * id where both are off.
   *
   * @param all the sum of all weights, where top_p is on
   */
  private int[] candidates(float[] logits, float max, double all) {
    double least = Double.NEGATIVE_INFINITY;
    if (parameters.topP() < 1) {
      // Tokens below (1 - p) / V of the whole hold less than 1 - p together: outside the nucleus.
      least = Math.log(0.999 * (1.0 - parameters.topP()) * all / logits.length);
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

  private double[] weights(float[] logits, float max) {
    double[] weights = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      weights[i] = weight(logits[i], max);
    }
    return weights;
  }

  private double weight(float logit, float max) {
    return Math.exp((logit - max) / parameters.temperature());
  }

  /**
   * Returns how many of the descending weights top_p and min_p leave: at least one.
   *
   * @param all the sum that top_p is a part of
   */
  private int nucleus(double[] weights, double all) {
    int kept = weights.length;
    if (parameters.topP() < 1) {
      double enough = parameters.topP() * all;
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
