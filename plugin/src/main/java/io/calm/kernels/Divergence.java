package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * The KL divergence of a candidate's next-token distributions from those of a reference, summed
 * over bands of the vocabulary.
 *
 * <p>With logits a of the reference and b of the candidate, {@code KL = sum p (a - b) - log sum exp
 * a + log sum exp b}, p = softmax a. Weights {@code e^(a - max a)} are float32 ({@link
 * io.calm.tensor.Exponential}); they are summed in float64, in sixteen lanes per band. Results have
 * the same bits for every number of threads and every kernel variant. Not thread safe.
 */
public final class Divergence {
  /**
   * Sums per token: the largest a, the sum of {@code e^(a - max a)}, that of {@code e^(a - max a)
   * (a - b)}, the largest b, the sum of {@code e^(b - max b)}.
   */
  static final int SUMS = 5;

  private static final int PEAK = 0;
  private static final int TOTAL = 1;
  private static final int CROSS = 2;
  private static final int OTHER_PEAK = 3;
  private static final int OTHER_TOTAL = 4;

  private final int tokens;
  private final double[] sums;

  /** Starts before any logits. */
  public Divergence(int tokens) {
    this.tokens = tokens;
    this.sums = new double[tokens * SUMS];
    for (int t = 0; t < tokens; t++) {
      sums[t * SUMS + PEAK] = Double.NEGATIVE_INFINITY;
      sums[t * SUMS + OTHER_PEAK] = Double.NEGATIVE_INFINITY;
    }
  }

  /** Adds the logits [tokens, n] of some of the vocabulary. */
  public void add(Matrix reference, Matrix candidate, SearchKernels kernels, Parallel parallel) {
    if (reference.rows() != tokens
        || candidate.rows() != tokens
        || reference.columns() != candidate.columns()) {
      throw new IllegalArgumentException(
          "divergence: expected logits of the same band for %d tokens, got %s and %s"
              .formatted(tokens, reference, candidate));
    }
    parallel.ranges(
        tokens, (from, to) -> kernels.addDivergence(reference, candidate, from, to, sums));
  }

  /** Returns the mean KL(reference || candidate) per token, in nats, after all bands. */
  public double mean() {
    double sum = 0;
    for (int t = 0; t < tokens; t++) {
      sum += divergence(t * SUMS);
    }
    return sum / tokens;
  }

  private double divergence(int at) {
    double total = sums[at + TOTAL];
    double own = sums[at + PEAK] + StrictMath.log(total);
    double other = sums[at + OTHER_PEAK] + StrictMath.log(sums[at + OTHER_TOTAL]);
    return sums[at + CROSS] / total - own + other;
  }
}
