package io.calm.generate;

import io.calm.runtime.Decoder.Logits;

/**
 * Chooses one token from a row of logits [V]. Random number {@code i} of a request depends only on
 * its seed and {@code i} (SplitMix64 as a counter-based generator). The answer is therefore
 * independent of batch and time.
 */
final class Sampler {
  private static final long GOLDEN_GAMMA = 0x9E37_79B9_7F4A_7C15L;

  /** Maximum top_k whose tokens are sorted; more of them would delay the other sequences. */
  static final int MAX_SORTED = 1024;

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
   * @param logits logits after penalties
   * @throws ArithmeticException if the maximum is not finite
   */
  int choose(Logits logits) {
    float max = logits.largest();
    if (Float.isNaN(max) || Float.isInfinite(max)) {
      throw new ArithmeticException(
          "logits: expected finite numbers, got a maximum of %s".formatted(max));
    }
    if (parameters.greedy()) {
      return TopTokens.first(logits.values(), max);
    }
    int vocabulary = logits.values().length;
    boolean topK = parameters.topK() > 0 && parameters.topK() < vocabulary;
    if (topK && parameters.topK() <= MAX_SORTED) {
      return choose(logits, TopTokens.largest(logits.values(), parameters.topK()));
    }
    if (weights.length < vocabulary) {
      weights = new float[vocabulary];
    }
    double all = logits.weigh(parameters.temperature(), weights);
    if (topK) {
      all = keepLargest(logits.values());
    } else if (parameters.topP() >= 1 && parameters.minP() <= 0) {
      return draw(vocabulary, all);
    }
    return nucleus.draw(logits, weights, nucleusMass(all), parameters.minP(), uniform());
  }

  private int choose(Logits logits, int[] likeliest) {
    float[] descending = new float[likeliest.length];
    double all = 0;
    for (int i = 0; i < likeliest.length; i++) {
      descending[i] = logits.weight(likeliest[i], parameters.temperature());
      all += descending[i];
    }
    return likeliest[Nucleus.draw(descending, nucleusMass(all), parameters.minP(), uniform())];
  }

  /** Sets the weights of all but the top_k tokens to 0 and returns the total of the others. */
  private double keepLargest(float[] logits) {
    float least = TopTokens.value(logits, parameters.topK());
    int ties = parameters.topK();
    for (float logit : logits) {
      ties -= logit > least ? 1 : 0;
    }
    double all = 0;
    for (int i = 0; i < logits.length; i++) {
      boolean kept = logits[i] > least || (logits[i] == least && ties-- > 0);
      if (!kept) {
        weights[i] = 0;
      }
      all += weights[i];
    }
    return all;
  }

  /** Returns the weight of the nucleus of tokens with the total weight {@code all}. */
  private double nucleusMass(double all) {
    return parameters.topP() < 1 ? parameters.topP() * all : Double.POSITIVE_INFINITY;
  }

  /** Samples from all tokens, in the order of their ids. */
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
