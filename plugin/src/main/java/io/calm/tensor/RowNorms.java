package io.calm.tensor;

import java.util.Arrays;

/** Euclidean norms of the rows of a matrix. */
public final class RowNorms {

  private RowNorms() {}

  /** Returns the norm of each row, summed in float64. */
  public static double[] of(Matrix matrix) {
    float[] row = new float[matrix.columns()];
    double[] norms = new double[matrix.rows()];
    for (int r = 0; r < norms.length; r++) {
      matrix.readRow(r, row);
      double squares = 0;
      for (float x : row) {
        squares += (double) x * x;
      }
      norms[r] = Math.sqrt(squares);
    }
    return norms;
  }

  /**
   * Returns whether a row is a sink: its norm is finite and above {@code limit}.
   *
   * @param limit a multiple of the median norm; 0: no row is
   */
  public static boolean isSink(double norm, double limit) {
    return limit > 0 && Double.isFinite(norm) && norm > limit;
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
