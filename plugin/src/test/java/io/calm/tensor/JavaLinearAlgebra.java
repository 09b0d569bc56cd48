package io.calm.tensor;

import java.util.Optional;

/** Plain loops in float64: the oracle of faster implementations. */
public final class JavaLinearAlgebra implements LinearAlgebra {

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    requireEqual("inner size", a.columns(), b.columns());
    Matrix product = Matrix.allocate(a.rows(), b.rows());
    float[] x = new float[a.columns()];
    float[] y = new float[b.columns()];
    for (int j = 0; j < b.rows(); j++) {
      b.readRow(j, y);
      for (int i = 0; i < a.rows(); i++) {
        a.readRow(i, x);
        double sum = 0;
        for (int k = 0; k < x.length; k++) {
          sum += (double) x[k] * y[k];
        }
        product.set(i, j, (float) sum);
      }
    }
    return product;
  }

  @Override
  public void addProduct(Matrix target, float alpha, Matrix a, Matrix b) {
    requireEqual("inner size", a.columns(), b.rows());
    requireEqual("rows", target.rows(), a.rows());
    requireEqual("columns", target.columns(), b.columns());
    for (int i = 0; i < target.rows(); i++) {
      for (int j = 0; j < target.columns(); j++) {
        double sum = 0;
        for (int k = 0; k < a.columns(); k++) {
          sum += (double) a.get(i, k) * b.get(k, j);
        }
        target.set(i, j, (float) (target.get(i, j) + alpha * sum));
      }
    }
  }

  @Override
  public Optional<Matrix> inverseCholesky(Matrix h) {
    requireEqual("rows of a square matrix", h.columns(), h.rows());
    int n = h.rows();
    double[][] inverse = new double[n][n];
    double[][] lower = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < n; j++) {
        inverse[i][j] = h.get(i, j);
      }
    }
    if (!cholesky(inverse, lower)) {
      return Optional.empty();
    }
    invert(lower, inverse);
    if (!cholesky(inverse, lower)) {
      return Optional.empty();
    }
    Matrix upper = Matrix.allocate(n, n);
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        upper.set(j, i, (float) lower[i][j]);
      }
    }
    return Optional.of(upper);
  }

  /** Factors {@code a = L L'}; returns false if a pivot is not positive. */
  private static boolean cholesky(double[][] a, double[][] lower) {
    for (int i = 0; i < a.length; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = a[i][j];
        for (int k = 0; k < j; k++) {
          sum -= lower[i][k] * lower[j][k];
        }
        if (i == j) {
          if (!(sum > 0)) {
            return false;
          }
          lower[i][i] = Math.sqrt(sum);
        } else {
          lower[i][j] = sum / lower[j][j];
        }
      }
    }
    return true;
  }

  /** Writes the inverse of {@code L L'}, solving for one unit vector after the other. */
  private static void invert(double[][] lower, double[][] inverse) {
    int n = lower.length;
    double[] x = new double[n];
    for (int column = 0; column < n; column++) {
      for (int i = 0; i < n; i++) {
        double sum = i == column ? 1 : 0;
        for (int k = 0; k < i; k++) {
          sum -= lower[i][k] * x[k];
        }
        x[i] = sum / lower[i][i];
      }
      for (int i = n - 1; i >= 0; i--) {
        double sum = x[i];
        for (int k = i + 1; k < n; k++) {
          sum -= lower[k][i] * x[k];
        }
        x[i] = sum / lower[i][i];
      }
      for (int i = 0; i < n; i++) {
        inverse[i][column] = x[i];
      }
    }
  }

  private static void requireEqual(String what, int expected, int got) {
    if (expected != got) {
      throw new IllegalArgumentException("%s: expected %d, got %d".formatted(what, expected, got));
    }
  }
}
