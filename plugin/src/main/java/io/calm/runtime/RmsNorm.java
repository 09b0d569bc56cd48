package io.calm.runtime;

/**
 * RMSNorm (arXiv 1910.07467): {@code y = x / sqrt(mean(x^2) + epsilon) * weight}.
 *
 * <p>Squares are summed in float64: element i goes to lane i mod {@value #LANES}, and the lanes are
 * added in halves. The quotient and the two products are rounded to float32.
 */
final class RmsNorm {
  private static final int LANES = 16;

  private RmsNorm() {}

  /**
   * Normalizes {@code x[from ..)} into {@code y[to ..)}, both of the weight's length; {@code x} and
   * {@code y} may be the same array.
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
