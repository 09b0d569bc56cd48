package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import java.util.ArrayList;
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
 */
final class TokenWeights {
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
  static TokenWeights ofStream(TorchRuntime runtime, List<NDArray> stream, double threshold) {
    if (threshold == 0) {
      return EQUAL;
    }
    List<double[]> norms = new ArrayList<>();
    for (NDArray chunk : stream) {
      int width = Math.toIntExact(chunk.getShape().get(2));
      try (Matrix rows = runtime.view(chunk, Math.toIntExact(chunk.size() / width), width)) {
        norms.add(RowNorms.of(rows));
      }
    }
    double median = RowNorms.median(norms.stream().flatMapToDouble(Arrays::stream).toArray());
    double limit = threshold * median;
    if (norms.stream()
        .flatMapToDouble(Arrays::stream)
        .noneMatch(norm -> RowNorms.isSink(norm, limit))) {
      return EQUAL;
    }
    return new TokenWeights(norms.stream().map(of -> factors(of, median, limit)).toList());
  }

  private static float[] factors(double[] norms, double median, double limit) {
    float[] factors = new float[norms.length];
    for (int t = 0; t < factors.length; t++) {
      factors[t] =
          RowNorms.isSink(norms[t], limit)
              ? Math.scalb(1f, -Math.getExponent(norms[t] / median) - 1)
              : 1;
    }
    return factors;
  }

  /** Returns the factor of a token of a chunk. */
  float factor(int chunk, int token) {
    return factors.isEmpty() ? 1 : factors.get(chunk)[token];
  }

  /**
   * Returns a copy of a chunk's activations, with each token times its factor.
   *
   * @param x [windows, T, ..]
   */
  NDArray scaled(int chunk, NDArray x) {
    return scaled(chunk, x, 1);
  }

  /** Like {@link #scaled(int, NDArray)}, with squared factors. */
  NDArray scaledTwice(int chunk, NDArray x) {
    return scaled(chunk, x, 2);
  }

  private NDArray scaled(int chunk, NDArray x, int times) {
    if (factors.isEmpty()) {
      return x.duplicate();
    }
    float[] column = factors.get(chunk).clone();
    for (int t = 0; t < column.length; t++) {
      column[t] = times == 1 ? column[t] : column[t] * column[t];
    }
    Shape shape = new Shape(x.getShape().get(0), x.getShape().get(1), 1);
    try (NDArray tokens = x.getManager().create(column, shape)) {
      return x.mul(tokens);
    }
  }
}
