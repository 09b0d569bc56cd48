package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Parallel;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * The upper triangular U with {@code inverse(H) = U'U}, without the inverse of H.
 *
 * <p>With J the matrix that reverses an order, {@code J H J = L L'} (Cholesky) gives {@code U = J
 * inverse(L) J}: U is upper triangular, its diagonal is positive, and {@code U'U = J inverse(L L')
 * J = inverse(H)}. That costs {@code 2/3 K^3} multiply-adds, half of a factorization, an inverse
 * and its factorization, and errors grow with the condition of L rather than with that of H.
 *
 * <p>Both steps are recursions over halves (Elmroth and Gustavson, IBM J. Res. Dev. 44(4), 2000),
 * so that nearly all of the work is in large products, whose order of sums is fixed. Blocks of 64
 * are factored and inverted in float64. Everything happens in one copy of H.
 */
final class InverseFactor {
  private static final int BLOCK = 64;

  /** Size of a symmetric update that is computed whole rather than from the diagonal down. */
  private static final int SQUARE = 256;

  private final Products products;
  private final Matrix matrix; // J H J, then L, then inverse(L); below and on the diagonal
  private final MatrixView view;
  private final Matrix inverses; // of L's diagonal blocks, [K, BLOCK]

  private InverseFactor(Products products, Matrix matrix, Matrix inverses) {
    this.products = products;
    this.matrix = matrix;
    this.view = MatrixView.of(matrix);
    this.inverses = inverses;
  }

  /**
   * Returns U, [K, K]. The caller closes it.
   *
   * @param h symmetric [K, K]; not changed
   * @return empty if {@code h} is not positive definite in float32, or not finite
   */
  static Optional<Matrix> of(Matrix h, Products products, Parallel parallel) {
    int size = h.rows();
    if (h.columns() != size) {
      throw new IllegalArgumentException("factor: expected a square matrix, got " + h);
    }
    try (Owned opening = new Owned()) {
      Matrix matrix = reversed(h, parallel);
      opening.add(matrix, matrix::close);
      try (Matrix inverses = Matrix.allocate(size, BLOCK)) {
        InverseFactor factor = new InverseFactor(products, matrix, inverses);
        if (!factor.factor(0, size)) {
          return Optional.empty();
        }
        factor.invert(0, size);
      }
      reverseLower(matrix);
      opening.handOver();
      return Optional.of(matrix);
    }
  }

  /** Returns J H J. */
  private static Matrix reversed(Matrix h, Parallel parallel) {
    int size = h.rows();
    Matrix reversed = Matrix.allocate(size, size);
    parallel.ranges(
        size,
        (from, to) -> {
          float[] row = new float[size];
          for (int i = from; i < to; i++) {
            h.readRow(i, row);
            reverse(row);
            reversed.writeRow(size - 1 - i, row);
          }
        });
    return reversed;
  }

  private static void reverse(float[] row) {
    for (int i = 0, j = row.length - 1; i < j; i++, j--) {
      float first = row[i];
      row[i] = row[j];
      row[j] = first;
    }
  }

  /** Replaces a lower triangular X, whose upper half is ignored, by J X J. */
  private static void reverseLower(Matrix x) {
    int size = x.rows();
    float[] upper = new float[size];
    float[] lower = new float[size];
    for (int i = 0; i < (size + 1) / 2; i++) {
      int mirrored = size - 1 - i;
      readLower(x, i, upper);
      readLower(x, mirrored, lower);
      x.writeRow(mirrored, upper);
      x.writeRow(i, lower);
    }
  }

  private static void readLower(Matrix x, int row, float[] target) {
    x.readRow(row, target);
    Arrays.fill(target, row + 1, target.length, 0);
    reverse(target);
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
    solveRight(middle, to, from, middle);
    subtractSquare(middle, to, from, middle);
    return factor(middle, to);
  }

  /** Replaces B, the given rows and columns, by {@code B inverse(L)'}. */
  private void solveRight(int fromRow, int toRow, int from, int to) {
    if (to - from <= BLOCK) {
      MatrixView b = view.part(fromRow, toRow, from, to);
      replace(b, 1, b, inverse(from, to).transposed());
      return;
    }
    int middle = middle(from, to);
    solveRight(fromRow, toRow, from, middle);
    add(
        -1,
        view.part(fromRow, toRow, from, middle),
        view.part(middle, to, from, middle).transposed(),
        view.part(fromRow, toRow, middle, to));
    solveRight(fromRow, toRow, middle, to);
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
}
