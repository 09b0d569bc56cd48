package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Parallel;
import java.util.Arrays;
import java.util.Optional;

/**
 * The upper triangular U with {@code inverse(H) = U'U}, without the inverse of H.
 *
 * <p>With J the matrix that reverses an order, {@code J H J = L L'} ({@link CholeskyFactor}) gives
 * {@code U = J inverse(L) J}: U is upper triangular, its diagonal is positive, and {@code U'U = J
 * inverse(L L') J = inverse(H)}. That costs {@code K^3 / 3} multiply-adds, half of a factorization,
 * an inverse and its factorization, and errors grow with the condition of L rather than with that
 * of H. Everything happens in one copy of H.
 */
final class InverseFactor {
  private InverseFactor() {}

  /**
   * Returns U, [K, K]. The caller closes it.
   *
   * @param h symmetric [K, K]; not changed
   * @return empty if {@code h} is not positive definite in float32, or not finite
   */
  static Optional<Matrix> of(Matrix h, Products products, Parallel parallel) {
    try (Owned opening = new Owned()) {
      Matrix matrix = reversed(h, parallel);
      opening.add(matrix, matrix::close);
      Optional<CholeskyFactor> factor = CholeskyFactor.of(matrix, products);
      if (factor.isEmpty()) {
        return Optional.empty();
      }
      try (CholeskyFactor lower = factor.get()) {
        lower.invert();
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
}
