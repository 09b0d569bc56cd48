package io.calm.runtime;

/**
 * {@code y = x / sqrt(mean(x^2) + epsilon) * weight} (arXiv 1910.07467): the sum of squares in
 * float64 over ascending elements, the quotient and the two products rounded to float32.
 */
final class RmsNorm {
  private RmsNorm() {}

  /**
   * Reads {@code x[from ..)} and writes {@code y[to ..)}, of the weight's length; may be in place.
   */
  static void apply(float[] x, int from, float[] y, int to, float[] weight, float epsilon) {
    double squares = 0;
    for (int i = 0; i < weight.length; i++) {
      squares += (double) x[from + i] * x[from + i];
    }
    float inverse = (float) (1 / Math.sqrt(squares / weight.length + epsilon));
    for (int i = 0; i < weight.length; i++) {
      y[to + i] = x[from + i] * inverse * weight[i];
    }
  }
}
