package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Float32 products: the kernels in C against the loops in Java, and both against float64. */
class ProductTest {

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  /** Operands in memory that is larger than they are, as they are or transposed. */
  private static MatrixView operand(Random random, int rows, int columns) {
    boolean transposed = random.nextBoolean();
    int height = transposed ? columns : rows;
    int width = transposed ? rows : columns;
    Matrix memory = random(random, height + random.nextInt(3), width + random.nextInt(5));
    int top = memory.rows() - height;
    int left = memory.columns() - width;
    MatrixView part = MatrixView.of(memory).part(top, top + height, left, left + width);
    return transposed ? part.transposed() : part;
  }

  private static Matrix random(Random random, int rows, int columns) {
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  private static float element(MatrixView view, int row, int column) {
    return view.floats().get(view.offset() + row * view.rowStep() + column * view.columnStep());
  }

  @ParameterizedTest
  @MethodSource("variants")
  void everyVariantHasTheBitsOfJava(KernelVariant variant) {
    for (int round = 0; round < 60; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int m = 1 + random.nextInt(140);
      int k = 1 + random.nextInt(round % 4 == 0 ? 700 : 40);
      int n = 1 + random.nextInt(round % 5 == 0 ? 1200 : 90);
      MatrixView a = operand(random, m, k);
      MatrixView b = operand(random, k, n);
      Matrix target = random(random, m, n + 3);
      Matrix expected = target.copy();
      float alpha = random.nextBoolean() ? -1 : 0.37f;
      boolean fresh = random.nextBoolean();
      Product ofJava =
          new Product(a, b, alpha, fresh, MatrixView.of(expected).part(0, m, 1, n + 1));
      Product ofC = new Product(a, b, alpha, fresh, MatrixView.of(target).part(0, m, 1, n + 1));
      new JavaSearchKernels().addProduct(ofJava, 0, m, 0, n);
      inParts(new NativeSearchKernels(variant), ofC, random);
      assertEquals(
          expected.bytes(),
          target.bytes(),
          "%s: seed %d, [%d, %d, %d]".formatted(variant.name(), seed, m, k, n));
    }
  }

  /** Cuts rows and columns at random places. */
  private static void inParts(SearchKernels kernels, Product product, Random random) {
    int rows = product.c().rows();
    int columns = product.c().columns();
    int row = random.nextInt(rows + 1);
    int column = random.nextInt(columns + 1);
    kernels.addProduct(product, 0, row, 0, column);
    kernels.addProduct(product, row, rows, column, columns);
    kernels.addProduct(product, 0, row, column, columns);
    kernels.addProduct(product, row, rows, 0, column);
  }

  @Test
  void sumsAreCloseToThoseInFloat64() {
    Random random = new Random(Seeds.next());
    MatrixView a = operand(random, 20, 3000);
    MatrixView b = operand(random, 3000, 30);
    Matrix c = Matrix.allocate(20, 30);
    new JavaSearchKernels().addProduct(Product.set(1, a, b, MatrixView.of(c)), 0, 20, 0, 30);
    for (int i = 0; i < 20; i++) {
      for (int j = 0; j < 30; j++) {
        double sum = 0;
        for (int k = 0; k < 3000; k++) {
          sum += (double) element(a, i, k) * element(b, k, j);
        }
        assertEquals(sum, c.get(i, j), 1e-4);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void numbersThatAreNotFiniteSpreadToTheirRowAndColumn(KernelVariant variant) {
    Matrix a = random(new Random(1), 5, 300);
    Matrix b = random(new Random(2), 300, 40);
    a.set(2, 299, Float.NaN);
    b.set(0, 7, Float.POSITIVE_INFINITY);
    Matrix c = Matrix.allocate(5, 40);
    Product product = Product.set(1, MatrixView.of(a), MatrixView.of(b), MatrixView.of(c));
    new NativeSearchKernels(variant).addProduct(product, 0, 5, 0, 40);
    for (int i = 0; i < 5; i++) {
      for (int j = 0; j < 40; j++) {
        assertEquals(i != 2 && j != 7, Float.isFinite(c.get(i, j)), i + ", " + j);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"600, 70, 130", "37, 200, 901", "300, 300, 300"})
  void theNumberOfThreadsDoesNotMatter(int m, int k, int n) {
    Random random = new Random(Seeds.next());
    Matrix a = random(random, m, k);
    Matrix b = random(random, n, k);
    SearchKernels kernels = KernelVariants.ofThisMachine().searchKernels();
    try (Parallel one = new Parallel(1);
        Matrix expected = new Products(kernels, one).multiplyTransposed(a, b)) {
      for (int threads = 2; threads <= 5; threads++) {
        try (Parallel several = new Parallel(threads);
            Matrix actual = new Products(kernels, several).multiplyTransposed(a, b)) {
          assertEquals(expected.bytes(), actual.bytes(), threads + " threads");
        }
      }
    }
  }

  @Test
  void operandsMustFit() {
    MatrixView a = MatrixView.of(Matrix.allocate(2, 3));
    MatrixView b = MatrixView.of(Matrix.allocate(3, 4));
    MatrixView c = MatrixView.of(Matrix.allocate(4, 2));
    assertThrows(IllegalArgumentException.class, () -> Product.add(1, a, b, c));
    assertThrows(IllegalArgumentException.class, () -> Product.add(1, a, b, c.transposed()));
    assertThrows(IndexOutOfBoundsException.class, () -> a.part(0, 3, 0, 3));
    assertThrows(IndexOutOfBoundsException.class, () -> new MatrixView(a.memory(), 1, 2, 3, 3, 1));
  }
}
