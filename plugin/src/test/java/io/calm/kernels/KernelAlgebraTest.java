package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The factor of an inverse against plain loops in float64, on every kernel and thread count. */
class KernelAlgebraTest {
  private static final double WORST = 1e-4;

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  private static Optional<Matrix> factor(SearchKernels kernels, int threads, Matrix h) {
    try (Parallel parallel = new Parallel(threads)) {
      return new KernelAlgebra(kernels, parallel).inverseCholesky(h);
    }
  }

  /** Returns X'X of {@code rows} rows plus a share of the mean diagonal. */
  private static Matrix hessian(int size, int rows, double damping) {
    SplittableRandom random = new SplittableRandom(Seeds.of(size));
    Matrix x = Matrix.allocate(size, rows);
    for (int k = 0; k < size; k++) {
      double scale = Math.exp(random.nextGaussian());
      for (int t = 0; t < rows; t++) {
        x.set(k, t, (float) (scale * random.nextGaussian()));
      }
    }
    Matrix h = new JavaLinearAlgebra().multiplyTransposed(x, x);
    double trace = 0;
    for (int k = 0; k < size; k++) {
      trace += h.get(k, k);
    }
    for (int k = 0; k < size; k++) {
      h.set(k, k, (float) (h.get(k, k) + damping * trace / size));
    }
    return h;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 63, 64, 65, 127, 129, 200, 321})
  void everyKernelAndThreadCountGivesTheSameFactor(int size) {
    Matrix h = hessian(size, 2 * size, 0.01);
    Matrix before = h.copy();
    Matrix expected = factor(new JavaSearchKernels(), 1, h).orElseThrow();
    for (KernelVariant variant : variants().toList()) {
      for (int threads : new int[] {1, 2, 3}) {
        Matrix actual = factor(new NativeSearchKernels(variant), threads, h).orElseThrow();
        assertEquals(expected.bytes(), actual.bytes(), variant.name() + ", " + threads);
      }
    }
    assertEquals(before.bytes(), h.bytes(), "the Hessian");
    requireClose(new JavaLinearAlgebra().inverseCholesky(h).orElseThrow(), expected);
  }

  /** With 300 rows and 640 columns several threads work on a product. */
  @ParameterizedTest
  @CsvSource({"7, 1", "7, 2", "7, 63", "7, 64", "7, 65", "7, 127", "7, 129", "300, 640"})
  void everyKernelAndThreadCountGivesTheSameQuotient(int rows, int size) {
    Matrix h = hessian(size, 2 * size, 0.01);
    Matrix before = h.copy();
    Matrix quotient = random(rows, size);
    Matrix product = Matrix.allocate(rows, size);
    LinearAlgebra java = new JavaLinearAlgebra();
    java.addProduct(product, 1, quotient, h);
    Matrix expected = divided(new JavaSearchKernels(), 1, product, h);
    for (KernelVariant variant : variants().toList()) {
      for (int threads : new int[] {1, 2, 3}) {
        Matrix actual = divided(new NativeSearchKernels(variant), threads, product, h);
        assertEquals(expected.bytes(), actual.bytes(), variant.name() + ", " + threads);
      }
    }
    assertEquals(before.bytes(), h.bytes(), "the Hessian");
    Matrix general = product.copy();
    assertTrue(java.divide(general, h));
    for (Matrix got : List.of(expected, general)) {
      for (int n = 0; n < rows; n++) {
        for (int k = 0; k < size; k++) {
          assertEquals(quotient.get(n, k), got.get(n, k), 1e-3, n + ", " + k);
        }
      }
    }
  }

  private static Matrix divided(SearchKernels kernels, int threads, Matrix target, Matrix h) {
    Matrix result = target.copy();
    try (Parallel parallel = new Parallel(threads)) {
      assertTrue(new KernelAlgebra(kernels, parallel).divide(result, h));
    }
    return result;
  }

  private static Matrix random(int rows, int columns) {
    SplittableRandom random = new SplittableRandom(Seeds.of(rows));
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int n = 0; n < rows; n++) {
      for (int k = 0; k < columns; k++) {
        matrix.set(n, k, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  @Test
  void nothingIsDividedByWhatIsNotPositiveDefinite() {
    Matrix h = hessian(200, 400, 0.01);
    h.set(3, 3, -h.get(3, 3));
    Matrix target = random(5, 200);
    Matrix before = target.copy();
    try (Parallel parallel = new Parallel(2)) {
      KernelAlgebra algebra = new KernelAlgebra(new JavaSearchKernels(), parallel);
      assertFalse(algebra.divide(target, h));
      assertFalse(new JavaLinearAlgebra().divide(target, h));
    }
    assertEquals(before.bytes(), target.bytes());
  }

  /** Fewer rows than columns: only the damping makes the matrix positive definite. */
  @Test
  void aDampedSingularHessianHasAnAccurateFactor() {
    Matrix h = hessian(300, 60, 0.01);
    Matrix actual = factor(KernelVariants.ofThisMachine().searchKernels(), 2, h).orElseThrow();
    requireClose(new JavaLinearAlgebra().inverseCholesky(h).orElseThrow(), actual);
  }

  private static void requireClose(Matrix expected, Matrix actual) {
    int size = expected.rows();
    double peak = 0;
    for (int i = 0; i < size; i++) {
      peak = Math.max(peak, expected.get(i, i));
    }
    for (int i = 0; i < size; i++) {
      assertTrue(actual.get(i, i) > 0);
      for (int j = 0; j < size; j++) {
        assertEquals(expected.get(i, j), actual.get(i, j), WORST * peak, i + ", " + j);
        assertTrue(j >= i || actual.get(i, j) == 0, "below the diagonal");
      }
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void whatIsNotPositiveDefiniteHasNoFactor(KernelVariant variant) {
    SearchKernels kernels = new NativeSearchKernels(variant);
    Matrix indefinite = Matrix.of(new float[][] {{1, 2}, {2, 1}});
    assertEquals(Optional.empty(), factor(kernels, 2, indefinite));
    assertEquals(Optional.empty(), factor(kernels, 2, Matrix.allocate(3, 3)));
    Matrix large = hessian(200, 400, 0.01);
    large.set(3, 3, -large.get(3, 3));
    assertEquals(Optional.empty(), factor(kernels, 2, large));
  }

  @ParameterizedTest
  @MethodSource("variants")
  void whatIsNotFiniteHasNoFactor(KernelVariant variant) {
    SearchKernels kernels = new NativeSearchKernels(variant);
    for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
      for (int at : new int[] {0, 100, 149}) {
        Matrix h = hessian(150, 300, 0.01);
        h.set(at, 20, value);
        h.set(20, at, value);
        assertEquals(Optional.empty(), factor(kernels, 2, h), value + " at " + at);
      }
    }
  }
}
