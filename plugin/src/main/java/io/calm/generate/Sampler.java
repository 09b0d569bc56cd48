package io.calm.generate;

import io.calm.runtime.Decoder.Logits;

/**
 * Chooses one token from a row of logits [V]. Draw {@code i} of a request depends on its seed and
 * {@code i} alone (SplitMix64 as a counter), so neither the batch nor the time changes an answer.
 */
final class Sampler {
  private static final long GOLDEN_GAMMA = 0x9E37_79B9_7F4A_7C15L;

  private final SamplingParameters parameters;
  private final Nucleus nucleus = new Nucleus();
  private float[] weights = {};
  private long draws;

  Sampler(SamplingParameters parameters) {
    this.parameters = parameters;
  }

  /**
   * Returns the chosen token.
   *
   * @param logits with penalties
   * @throws ArithmeticException if the largest is no finite number
   */
  int choose(Logits logits) {
    float max = logits.largest();
    if (Float.isNaN(max) || Float.isInfinite(max)) {
      throw new ArithmeticException(
          "logits: expected finite numbers, got %s as the largest".formatted(max));
    }
    if (parameters.greedy()) {
      return TopTokens.first(logits.values(), max);
    }
    int vocabulary = logits.values().length;
    if (parameters.topK() > 0 && parameters.topK() < vocabulary) {
      int[] candidates = TopTokens.largest(logits.values(), parameters.topK());
      double[] likeliest = new double[candidates.length];
      for (int i = 0; i < candidates.length; i++) {
        likeliest[i] = logits.weight(candidates[i], parameters.temperature());
      }
      return candidates[draw(likeliest, sum(likeliest, likeliest.length))];
    }
    if (weights.length < vocabulary) {
      weights = new float[vocabulary];
    }
    double all = logits.weigh(parameters.temperature(), weights);
    if (parameters.topP() >= 1 && parameters.minP() <= 0) {
      return draw(vocabulary, all);
    }
    double enough = parameters.topP() < 1 ? parameters.topP() * all : Double.POSITIVE_INFINITY;
    return nucleus.draw(logits, weights, enough, parameters.minP(), uniform());
  }

  /** Draws from all tokens, in the order of their ids. */
  private int draw(int vocabulary, double all) {
    double target = uniform() * all;
    double cumulative = 0;
    int last = 0;
    for (int i = 0; i < vocabulary; i++) {
      if (weights[i] > 0) {
        last = i;
        cumulative += weights[i];
        if (target < cumulative) {
          break;
        }
      }
    }
    return last;
  }

  /** Draws from what top_p and min_p leave of descending weights; {@code all} is their sum. */
  private int draw(double[] likeliest, double all) {
    int kept = kept(likeliest, all);
    double target = uniform() * sum(likeliest, kept);
    double cumulative = 0;
    for (int i = 0; i < kept - 1; i++) {
      cumulative += likeliest[i];
      if (target < cumulative) {
        return i;
      }
    }
    return kept - 1;
  }

  /**
   * Returns how many of the descending weights top_p and min_p leave: at least one.
   *
   * @param all the sum that top_p is a part of
   */
  private int kept(double[] weights, double all) {
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
