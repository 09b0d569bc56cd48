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
      return choose(logits, TopTokens.largest(logits.values(), parameters.topK()));
    }
    if (weights.length < vocabulary) {
      weights = new float[vocabulary];
    }
    double all = logits.weigh(parameters.temperature(), weights);
    if (parameters.topP() >= 1 && parameters.minP() <= 0) {
      return draw(vocabulary, all);
    }
    return nucleus.draw(logits, weights, enough(all), parameters.minP(), uniform());
  }

  private int choose(Logits logits, int[] likeliest) {
    float[] descending = new float[likeliest.length];
    double all = 0;
    for (int i = 0; i < likeliest.length; i++) {
      descending[i] = logits.weight(likeliest[i], parameters.temperature());
      all += descending[i];
    }
    return likeliest[Nucleus.draw(descending, enough(all), parameters.minP(), uniform())];
  }

  /** Returns the weight that top_p wants of tokens that weigh {@code all} together. */
  private double enough(double all) {
    return parameters.topP() < 1 ? parameters.topP() * all : Double.POSITIVE_INFINITY;
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

  private double uniform() {
    long z = parameters.seed() + GOLDEN_GAMMA * ++draws;
    z = (z ^ (z >>> 30)) * 0xBF58_476D_1CE4_E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D0_49BB_1331_11EBL;
    return ((z ^ (z >>> 31)) >>> 11) * 0x1.0p-53;
  }
}
