package io.calm.runtime;

/**
 * {@code y = x / sqrt(mean(x^2) + epsilon) * weight} (arXiv 1910.07467): the sum of squares in
 * float64, element i in lane i mod {@value #LANES}, the lanes added in halves; the quotient and the
 * two products rounded to float32.
 */
final class RmsNorm {
  private static final int LANES = 16;

  private RmsNorm() {}

  /**
   * Reads {@code x[from ..)} and writes {@code y[to ..)}, of the weight's length; may be in place.
   */
  static void apply(float[] x, int from, float[] y, int to, float[] weight, float epsilon) {
    double[] squares = new double[LANES];
    for (int i = 0; i < weight.length; i++) {
      squares[i % LANES] += (double) x[from + i] * x[from + i];
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        squares[lane] += squares[lane + half];
      }
    }
    float inverse = (float) (1 / Math.sqrt(squares[0] / weight.length + epsilon));
    for (int i = 0; i < weight.length; i++) {
      y[to + i] = x[from + i] * inverse * weight[i];
    }
  }
}
