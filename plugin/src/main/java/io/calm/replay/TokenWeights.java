package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.tensor.Owned;
import io.calm.tensor.RowNorms;
import java.util.Arrays;
import java.util.List;

/**
 * Factors that calibration tokens are multiplied by in the sums that the linears o and down are
 * fitted on; sums of squares are thus weighted by their squares.
 *
 * <p>The norm of the residual stream of an attention sink is up to thousands of times the median,
 * and its errors are as large, so a few sinks dominate a sum of squares. The next norm divides a
 * token by its root mean square, so only its relative error matters: a sink is scaled down to about
 * the median norm. The factors are powers of two, so scaling before or after rounding to int8 gives
 * the same values.
 *
 * <p>The norm is that of the stream in front of the linear. In the block whose down makes a sink,
 * it is still ordinary, and the sink counts in full.
 *
 * <p>A token that is a sink in the full-precision model and not in the quantized one, or the other
 * way round, deviates by hundreds of times the median. A correction that is fitted on it is useless
 * for other tokens, so {@link #weightedForDeviation} limits what one token deviates by.
 */
final class TokenWeights {
  /**
   * A token counts at most as if it deviated by this many medians. Without sinks, the largest
   * deviation is two to five medians.
   */
  private static final double MAX_DEVIATION = 4;

  private static final TokenWeights EQUAL = new TokenWeights(List.of());

  /** Of each chunk, [windows * T]; empty if all are 1. */
  private final List<float[]> factors;

  private TokenWeights(List<float[]> factors) {
    this.factors = factors;
  }

  /** Returns factors of 1. */
  static TokenWeights equal() {
    return EQUAL;
  }

  /**
   * Returns factors that scale the tokens above {@code threshold} median norms down to between half
   * of the median norm and the median norm.
   *
   * @param stream chunks [windows, T, D]
   * @param threshold 0: all factors are 1
   */
  static TokenWeights ofStream(StageProducts products, List<NDArray> stream, double threshold) {
    if (threshold == 0) {
      return EQUAL;
    }
    List<double[]> norms = stream.stream().map(products::norms).toList();
    double median = RowNorms.median(norms.stream().flatMapToDouble(Arrays::stream).toArray());
    double limit = threshold * median;
    if (norms.stream()
        .flatMapToDouble(Arrays::stream)
        .noneMatch(norm -> RowNorms.isSink(norm, limit))) {
      return EQUAL;
    }
    return new TokenWeights(
        norms.stream().map(of -> RowNorms.sinkFactors(of, median, threshold)).toList());
  }

  /** Returns the factor of a token of a chunk. */
  float factor(int chunk, int token) {
    return factors.isEmpty() ? 1 : factors.get(chunk)[token];
  }

  /** Returns whether all factors are 1. */
  boolean areEqual() {
    return factors.isEmpty();
  }

  /**
   * Returns a copy of a chunk's activations, with each token times its factor.
   *
   * @param x [windows, T, K]
   */
  NDArray scaled(StageProducts products, int chunk, NDArray x) {
    try (Owned opening = new Owned()) {
      NDArray copy = products.copy(x);
      opening.add(copy, copy::close);
      NDArray scaled = weighted(products, chunk, copy);
      opening.handOver();
      return scaled;
    }
  }

  /**
   * Returns a chunk's activations with each token times its factor.
   *
   * @param x [windows, T, K]; closed, or the result itself
   */
  NDArray weighted(StageProducts products, int chunk, NDArray x) {
    return areEqual() ? x : products.scaled(x, factors.get(chunk));
  }

  /**
   * Returns a chunk's activations for a sum of {@code deviation x'}: each token times its squared
   * factor. A token whose deviation, times its factor, has a norm above {@value #MAX_DEVIATION}
   * times the median of the chunk's tokens is scaled down further, as if it had that norm.
   *
   * @param x [windows, T, K]
   * @param deviation of the same tokens, [windows, T, N]
   */
  NDArray weightedForDeviation(StageProducts products, int chunk, NDArray x, NDArray deviation) {
    double[] norms = products.norms(deviation);
    int tokens = norms.length;
    for (int t = 0; t < tokens; t++) {
      norms[t] *= factor(chunk, t);
    }
    double limit = MAX_DEVIATION * RowNorms.median(norms);
    float[] column = new float[tokens];
    for (int t = 0; t < tokens; t++) {
      float squared = factor(chunk, t) * factor(chunk, t);
      column[t] = RowNorms.isSink(norms[t], limit) ? (float) (squared * limit / norms[t]) : squared;
    }
    return products.scaled(x, column);
  }
}
