package io.calm.cka;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * Squared errors of a candidate C to its reference R over some rows, not centred.
 *
 * @param relative {@code ||C - R||_F^2 / ||R||_F^2}; not finite for a reference of zeros
 * @param normalized {@code sum |c/|c| - r/|r||^2 / n} over the n rows of R that are not zero, a
 *     candidate's row of zeros counted as it is; NaN if n is 0
 */
record SquaredErrors(double relative, double normalized) {

  static SquaredErrors between(
      Matrix reference, Matrix candidate, ComparedRows rows, Parallel parallel) {
    RowError[] errors = new RowError[rows.count()];
    parallel.ranges(
        errors.length,
        (from, to) -> {
          float[] expected = new float[reference.columns()];
          float[] got = new float[reference.columns()];
          for (int row = from; row < to; row++) {
            reference.readRow(row, expected);
            candidate.readRow(row, got);
            errors[row] = RowError.between(expected, got);
          }
        });
    double error = 0;
    double squares = 0;
    double directions = 0;
    int directed = 0;
    for (int row = 0; row < errors.length; row++) {
      double weight = (double) rows.factor(row) * rows.factor(row);
      squares += weight * errors[row].norm();
      error += weight * errors[row].difference();
      if (errors[row].norm() > 0) {
        directions += errors[row].direction();
        directed++;
      }
    }
    return new SquaredErrors(error / squares, directions / directed);
  }

  /**
   * The squared errors of a row.
   *
   * @param norm {@code ||r||^2}
   * @param difference {@code ||c - r||^2}
   * @param direction {@code |c/|c| - r/|r||^2}; 0 if r is zero
   */
  private record RowError(double norm, double difference, double direction) {
    static RowError between(float[] expected, float[] got) {
      double norm = squares(expected);
      double differences = 0;
      for (int k = 0; k < got.length; k++) {
        double difference = (double) got[k] - expected[k];
        differences += difference * difference;
      }
      double direction =
          norm > 0 ? directions(expected, Math.sqrt(norm), got, Math.sqrt(squares(got))) : 0;
      return new RowError(norm, differences, direction);
    }
  }

  private static double directions(float[] expected, double norm, float[] got, double gotNorm) {
    double unit = gotNorm == 0 ? 1 : gotNorm;
    double sum = 0;
    for (int k = 0; k < got.length; k++) {
      double difference = got[k] / unit - expected[k] / norm;
      sum += difference * difference;
    }
    return sum;
  }

  private static double squares(float[] row) {
    double sum = 0;
    for (float x : row) {
      sum += (double) x * x;
    }
    return sum;
  }
}
