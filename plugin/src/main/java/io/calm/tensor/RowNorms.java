package io.calm.tensor;

import java.util.Arrays;

/** Euclidean norms of the rows of a matrix. */
public final class RowNorms {

  private RowNorms() {}

  /** Returns the norm of each row, summed in float64. */
  public static double[] of(Matrix matrix) {
    double[] norms = new double[matrix.rows()];
    fill(norms, matrix, 0, norms.length);
    return norms;
  }

  /** Returns the same norms, computed on several threads. */
  public static double[] of(Matrix matrix, Parallel parallel) {
    double[] norms = new double[matrix.rows()];
    parallel.ranges(norms.length, (from, to) -> fill(norms, matrix, from, to));
    return norms;
  }

  private static void fill(double[] norms, Matrix matrix, int from, int to) {
    float[] row = new float[matrix.columns()];
    for (int r = from; r < to; r++) {
      matrix.readRow(r, row);
      double squares = 0;
      for (float x : row) {
        squares += (double) x * x;
      }
      norms[r] = Math.sqrt(squares);
    }
  }

  /**
   * Returns whether a row is a sink: its norm is finite and above {@code limit}.
   *
   * @param limit a multiple of the median norm; 0: no row is
   */
  public static boolean isSink(double norm, double limit) {
    return limit > 0 && Double.isFinite(norm) && norm > limit;
  }

  /**
   * Returns factors for rows: of a sink the power of two that brings its norm between half of the
   * median and the median, otherwise 1.
   *
   * @param threshold multiple of the median above which a norm is a sink's; 0: none is
   */
  public static float[] sinkFactors(double[] norms, double median, double threshold) {
    float[] factors = new float[norms.length];
    for (int row = 0; row < factors.length; row++) {
      factors[row] =
          isSink(norms[row], threshold * median)
              ? Math.scalb(1f, -Math.getExponent(norms[row] / median) - 1)
              : 1;
    }
    return factors;
  }

  /** Returns the median of the finite values; 0 without any. */
  public static double median(double[] values) {
    double[] finite = Arrays.stream(values).filter(Double::isFinite).sorted().toArray();
    int middle = finite.length / 2;
    if (finite.length == 0) {
      return 0;
    }
    return finite.length % 2 == 1 ? finite[middle] : (finite[middle - 1] + finite[middle]) / 2;
  }
}
