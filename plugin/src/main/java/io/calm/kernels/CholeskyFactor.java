package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import java.nio.FloatBuffer;
import java.util.Optional;

/**
 * The lower triangular L with {@code H = L L'} (Cholesky), in the memory of H.
 *
 * <p>Everything is a recursion over halves (Elmroth and Gustavson, IBM J. Res. Dev. 44(4), 2000),
 * so that nearly all of the work is in large products, whose order of sums is fixed. Blocks of 64
 * are factored and inverted in float64. A factor costs {@code K^3 / 6} multiply-adds, a solution
 * for n rows {@code n K^2}.
 */
final class CholeskyFactor implements AutoCloseable {
  private static final int BLOCK = 64;

  /** Size of a symmetric update that is computed whole rather than from the diagonal down. */
  private static final int SQUARE = 256;

  private final Products products;
  private final Matrix matrix; // H, then L; below and on the diagonal
  private final MatrixView view;
  private final Matrix inverses; // of L's diagonal blocks, [K, BLOCK]

  private CholeskyFactor(Products products, Matrix matrix, Matrix inverses) {
    this.products = products;
    this.matrix = matrix;
    this.view = MatrixView.of(matrix);
    this.inverses = inverses;
  }

  /**
   * Returns the factor, which {@code h} holds then; its upper half has no meaning. The caller
   * closes it, and {@code h}.
   *
   * @param h symmetric [K, K]
   * @return empty if {@code h} is not positive definite in float32, or not finite
   */
  static Optional<CholeskyFactor> of(Matrix h, Products products) {
    if (h.columns() != h.rows()) {
      throw new IllegalArgumentException("factor: expected a square matrix, got " + h);
    }
    try (Owned opening = new Owned()) {
      Matrix inverses = Matrix.allocate(h.rows(), BLOCK);
      opening.add(inverses, inverses::close);
      CholeskyFactor factor = new CholeskyFactor(products, h, inverses);
      if (!factor.factor(0, h.rows())) {
        return Optional.empty();
      }
      opening.handOver();
      return Optional.of(factor);
    }
  }

  /** Replaces B [n, K] by {@code B inverse(H)}. */
  void solve(Matrix b) {
    if (b.columns() != matrix.rows()) {
      throw new IllegalArgumentException(
          "solution: expected rows of %d elements, got %s".formatted(matrix.rows(), b));
    }
    MatrixView all = MatrixView.of(b);
    solveTransposed(all, 0, b.columns());
    solve(all, 0, b.columns());
  }

  /** Replaces L by its inverse. The factor has no other use then. */
  void invert() {
    invert(0, matrix.rows());
  }

  /** Returns where a range is cut: at a multiple of the block size. */
  private static int middle(int from, int to) {
    int blocks = (to - from + BLOCK - 1) / BLOCK;
    return from + (blocks + 1) / 2 * BLOCK;
  }

  /** Factors the square from .. to; returns false if a pivot is not positive and finite. */
  private boolean factor(int from, int to) {
    if (to - from <= BLOCK) {
      return factorBlock(from, to);
    }
    int middle = middle(from, to);
    if (!factor(from, middle)) {
      return false;
    }
    solveTransposed(view.part(middle, to, from, middle), from, middle);
    subtractSquare(middle, to, from, middle);
    return factor(middle, to);
  }

  /** Replaces B [n, to - from] by {@code B inverse(L)'}, L the square from .. to. */
  private void solveTransposed(MatrixView b, int from, int to) {
    if (to - from <= BLOCK) {
      replace(b, 1, b, inverse(from, to).transposed());
      return;
    }
    int middle = middle(from, to);
    MatrixView left = b.part(0, b.rows(), 0, middle - from);
    MatrixView right = b.part(0, b.rows(), middle - from, to - from);
    solveTransposed(left, from, middle);
    add(-1, left, view.part(middle, to, from, middle).transposed(), right);
    solveTransposed(right, middle, to);
  }

  /** Replaces B [n, to - from] by {@code B inverse(L)}, L the square from .. to. */
  private void solve(MatrixView b, int from, int to) {
    if (to - from <= BLOCK) {
      replace(b, 1, b, inverse(from, to));
      return;
    }
    int middle = middle(from, to);
    MatrixView left = b.part(0, b.rows(), 0, middle - from);
    MatrixView right = b.part(0, b.rows(), middle - from, to - from);
    solve(right, middle, to);
    add(-1, right, view.part(middle, to, from, middle), left);
    solve(left, from, middle);
  }

  /** Subtracts {@code B B'} from the lower half of the square from .. to; B: its left columns. */
  private void subtractSquare(int from, int to, int fromColumn, int toColumn) {
    int middle = to - from <= SQUARE ? to : middle(from, to);
    MatrixView upper = view.part(from, middle, fromColumn, toColumn);
    if (middle == to) {
      add(-1, upper, upper.transposed(), view.part(from, to, from, to));
      return;
    }
    subtractSquare(from, middle, fromColumn, toColumn);
    add(
        -1,
        view.part(middle, to, fromColumn, toColumn),
        upper.transposed(),
        view.part(middle, to, from, middle));
    subtractSquare(middle, to, fromColumn, toColumn);
  }

  /** Replaces L, the square from .. to, by its inverse X. */
  private void invert(int from, int to) {
    if (to - from <= BLOCK) {
      copy(inverse(from, to), view.part(from, to, from, to));
      return;
    }
    int middle = middle(from, to);
    invert(from, middle);
    multiplyNegative(middle, to, from, middle); // -L21 X11
    solveLeft(middle, to, from, middle);
    invert(middle, to);
  }

  /** Replaces B, the given rows and columns, by {@code -B X}, X the inverse on the diagonal. */
  private void multiplyNegative(int fromRow, int toRow, int from, int to) {
    if (to - from <= BLOCK) {
      MatrixView b = view.part(fromRow, toRow, from, to);
      replace(b, -1, b, inverse(from, to));
      return;
    }
    int middle = middle(from, to);
    multiplyNegative(fromRow, toRow, from, middle);
    add(
        -1,
        view.part(fromRow, toRow, middle, to),
        view.part(middle, to, from, middle),
        view.part(fromRow, toRow, from, middle));
    multiplyNegative(fromRow, toRow, middle, to);
  }

  /** Replaces B, the given rows and columns, by {@code inverse(L) B}, L the square of the rows. */
  private void solveLeft(int from, int to, int fromColumn, int toColumn) {
    if (to - from <= BLOCK) {
      MatrixView b = view.part(from, to, fromColumn, toColumn);
      replace(b, 1, inverse(from, to), b);
      return;
    }
    int middle = middle(from, to);
    solveLeft(from, middle, fromColumn, toColumn);
    add(
        -1,
        view.part(middle, to, from, middle),
        view.part(from, middle, fromColumn, toColumn),
        view.part(middle, to, fromColumn, toColumn));
    solveLeft(middle, to, fromColumn, toColumn);
  }

  /** Returns the inverse of a diagonal block of L. */
  private MatrixView inverse(int from, int to) {
    return MatrixView.of(inverses).part(from, to, 0, to - from);
  }

  private void add(float alpha, MatrixView a, MatrixView b, MatrixView c) {
    products.run(Product.add(alpha, a, b, c));
  }

  /** Replaces {@code target}, which may be an operand, by {@code alpha a b}. */
  private void replace(MatrixView target, float alpha, MatrixView a, MatrixView b) {
    try (Matrix result = Matrix.allocate(target.rows(), target.columns())) {
      products.run(Product.set(alpha, a, b, MatrixView.of(result)));
      copy(MatrixView.of(result), target);
    }
  }

  private static void copy(MatrixView source, MatrixView target) {
    FloatBuffer from = source.floats();
    FloatBuffer to = target.floats();
    float[] row = new float[target.columns()];
    for (int i = 0; i < target.rows(); i++) {
      from.get(source.offset() + i * source.rowStep(), row);
      to.put(target.offset() + i * target.rowStep(), row);
    }
  }

  /** Factors a diagonal block and keeps its inverse, both in float64. */
  private boolean factorBlock(int from, int to) {
    int size = to - from;
    float[] row = new float[size];
    double[][] lower = new double[size][size];
    for (int i = 0; i < size; i++) {
      matrix.readRow(from + i, from, row, 0, i + 1);
      for (int j = 0; j <= i; j++) {
        lower[i][j] = row[j];
      }
    }
    if (!factor(lower)) {
      return false;
    }
    double[][] inverse = inverse(lower);
    for (int i = 0; i < size; i++) {
      write(matrix, from + i, from, lower[i], row);
      write(inverses, from + i, 0, inverse[i], row);
    }
    return true;
  }

  private static void write(Matrix target, int row, int from, double[] values, float[] scratch) {
    for (int j = 0; j < scratch.length; j++) {
      scratch[j] = (float) values[j];
    }
    target.writeRow(row, from, scratch, 0, scratch.length);
  }

  /** Replaces the lower half of a symmetric matrix by its factor; false: not positive definite. */
  private static boolean factor(double[][] a) {
    for (int i = 0; i < a.length; i++) {
      double[] row = a[i];
      for (int j = 0; j < i; j++) {
        double quotient = (row[j] - dot(row, a[j], j)) / a[j][j];
        row[j] = quotient;
      }
      double pivot = row[i] - dot(row, row, i);
      if (!(pivot > 0 && pivot <= Float.MAX_VALUE)) {
        return false;
      }
      row[i] = Math.sqrt(pivot);
    }
    return true;
  }

  private static double dot(double[] a, double[] b, int length) {
    double sum = 0;
    for (int k = 0; k < length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }

  /** Returns the inverse of a lower triangular matrix. */
  private static double[][] inverse(double[][] lower) {
    int size = lower.length;
    double[][] inverse = new double[size][size];
    for (int i = 0; i < size; i++) {
      double[] row = inverse[i];
      for (int k = 0; k < i; k++) { // row -= lower[i][k] * inverse[k]
        double factor = lower[i][k];
        double[] other = inverse[k];
        for (int j = 0; j <= k; j++) {
          row[j] -= factor * other[j];
        }
      }
      for (int j = 0; j < i; j++) {
        row[j] /= lower[i][i];
      }
      row[i] = 1 / lower[i][i];
    }
    return inverse;
  }

  @Override
  public void close() {
    inverses.close();
  }
}
