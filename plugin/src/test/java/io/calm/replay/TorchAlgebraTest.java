package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariants;
import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine's dense algebra against plain loops in float64. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // opened before the first test
class TorchAlgebraTest {
  private final LinearAlgebra expected = new JavaLinearAlgebra();
  private TorchRuntime runtime;
  private LinearAlgebra torch;

  @BeforeAll
  void open() {
    runtime = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
    torch = new EngineAlgebra(runtime);
  }

  @AfterAll
  void close() {
    runtime.close();
  }

  private static Matrix random(int rows, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(Seeds.of(seed));
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  private static void requireClose(Matrix expected, Matrix got, double relative) {
    assertEquals(expected.rows(), got.rows());
    assertEquals(expected.columns(), got.columns());
    double peak = 0;
    for (int r = 0; r < expected.rows(); r++) {
      for (int c = 0; c < expected.columns(); c++) {
        peak = Math.max(peak, Math.abs(expected.get(r, c)));
      }
    }
    for (int r = 0; r < expected.rows(); r++) {
      for (int c = 0; c < expected.columns(); c++) {
        assertEquals(
            expected.get(r, c), got.get(r, c), relative * peak, "(%d, %d)".formatted(r, c));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 7, 5", "64, 48, 100"})
  void multipliesByATranspose(int m, int k, int n) {
    Matrix a = random(m, k, 1);
    Matrix b = random(n, k, 2);
    try (Matrix got = torch.multiplyTransposed(a, b)) {
      requireClose(expected.multiplyTransposed(a, b), got, 1e-5);
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "3, 7, 5", "64, 48, 100"})
  void addsAProductInPlaceAlsoToASlice(int m, int k, int n) {
    Matrix a = random(m, k, 1);
    Matrix b = random(k, n, 2);
    Matrix whole = random(m + 2, n, 3);
    Matrix want = whole.copy();

    torch.addProduct(whole.slice(1, m + 1), -0.5f, a, b);

    expected.addProduct(want.slice(1, m + 1), -0.5f, a, b);
    requireClose(want, whole, 1e-5);
  }

  /** Returns X'X of 3 size rows: well conditioned. */
  private Matrix positiveDefinite(int size) {
    Matrix columns = random(size, 3 * size, size);
    return expected.multiplyTransposed(columns, columns);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 31, 128})
  void factorsTheInverseAndLeavesTheMatrixAlone(int size) {
    Matrix h = positiveDefinite(size);
    Matrix before = h.copy();
    try (Matrix upper = torch.inverseCholesky(h).orElseThrow()) {
      requireClose(expected.inverseCholesky(h).orElseThrow(), upper, 1e-4);
      for (int r = 0; r < size; r++) {
        assertTrue(upper.get(r, r) > 0);
        for (int c = 0; c < r; c++) {
          assertEquals(0, upper.get(r, c), "below the diagonal");
        }
      }
    }
    requireClose(before, h, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 31, 128})
  void dividesByAMatrixAndLeavesItAlone(int size) {
    Matrix h = positiveDefinite(size);
    Matrix before = h.copy();
    Matrix quotient = random(5, size, 8);
    for (LinearAlgebra algebra : List.of(torch, runtime)) {
      Matrix target = Matrix.allocate(5, size);
      expected.addProduct(target, 1, quotient, h);
      assertTrue(algebra.divide(target, h));
      requireClose(quotient, target, 1e-4);
    }
    requireClose(before, h, 0);
  }

  @Test
  void nothingIsDividedByWhatIsNotPositiveDefinite() {
    Matrix target = random(5, 2, 9);
    Matrix before = target.copy();
    Matrix indefinite = Matrix.of(new float[][] {{1, 2}, {2, 1}});
    assertFalse(torch.divide(target, indefinite));
    assertFalse(runtime.divide(target, indefinite));
    requireClose(before, target, 0);
  }

  @Test
  void whatIsNotPositiveDefiniteHasNoFactor() {
    Matrix indefinite = Matrix.of(new float[][] {{1, 2}, {2, 1}});
    assertEquals(Optional.empty(), expected.inverseCholesky(indefinite));
    assertEquals(Optional.empty(), torch.inverseCholesky(indefinite));
    Matrix zero = Matrix.allocate(3, 3);
    assertEquals(Optional.empty(), torch.inverseCholesky(zero));
  }
}
