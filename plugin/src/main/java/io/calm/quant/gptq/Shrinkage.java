package io.calm.quant.gptq;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * Shrinkage of a Hessian towards its diagonal (Ledoit and Wolf 2004; Schaefer and Strimmer 2005):
 * its off-diagonal elements are multiplied by 1 - a.
 *
 * <p>The off-diagonal elements of X'X over n tokens have a variance of about {@code (h_ii h_jj +
 * h_ij^2) / n} around their expected values. The intensity a that minimizes the expected squared
 * error is the sum of these variances over the sum of the squared elements. With many tokens a is
 * near 0. With fewer tokens than inputs, X'X is singular, and rounding against it fits the noise of
 * the tokens: there a is large, and the Hessian comes close to the diagonal, which is the weighted
 * rounding to nearest.
 */
final class Shrinkage {
  private Shrinkage() {}

  /**
   * Shrinks in place.
   *
   * @param hessian X'X, [K, K]
   * @param rows the number of tokens, n
   * @return the intensity, 0 to 1
   */
  static double apply(Matrix hessian, int rows, Parallel parallel) {
    double intensity = intensity(hessian, rows, parallel);
    float kept = (float) (1 - intensity);
    parallel.ranges(
        hessian.rows(),
        (from, to) -> {
          float[] row = new float[hessian.columns()];
          for (int i = from; i < to; i++) {
            hessian.readRow(i, row);
            float diagonal = row[i];
            for (int j = 0; j < row.length; j++) {
              row[j] *= kept;
            }
            row[i] = diagonal;
            hessian.writeRow(i, row);
          }
        });
    return intensity;
  }

  private static double intensity(Matrix hessian, int rows, Parallel parallel) {
    double[] squares = new double[hessian.rows()];
    parallel.ranges(
        hessian.rows(),
        (from, to) -> {
          float[] row = new float[hessian.columns()];
          for (int i = from; i < to; i++) {
            hessian.readRow(i, row);
            row[i] = 0;
            double sum = 0;
            for (float h : row) {
              sum += (double) h * h;
            }
            squares[i] = sum;
          }
        });
    double trace = 0;
    double diagonalSquares = 0;
    double offDiagonal = 0;
    for (int i = 0; i < squares.length; i++) {
      double h = hessian.get(i, i);
      trace += h;
      diagonalSquares += h * h;
      offDiagonal += squares[i];
    }
    double variances = (trace * trace - diagonalSquares + offDiagonal) / rows;
    return offDiagonal > 0 ? Math.min(1, variances / offDiagonal) : 0;
  }
}
