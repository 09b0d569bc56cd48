package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The KL divergence of logits: the kernels in C against Java, and both against its definition. */
class DivergenceTest {

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  private static Matrix logits(Random random, int rows, int columns, double spread) {
    Matrix logits = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        logits.set(r, c, (float) (spread * random.nextGaussian()));
      }
    }
    return logits;
  }

  /** Puts numbers into rows whose largest one is a matter of signs, or that a model never has. */
  private static void disturb(Matrix logits, Random random) {
    float[] odd = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, 0f, -0f};
    for (int r = 0; r < logits.rows(); r++) {
      int kind = random.nextInt(4);
      for (int c = 0; c < logits.columns(); c++) {
        if (kind == 1) {
          logits.set(r, c, random.nextBoolean() ? 0f : -0f);
        } else if (kind == 2 && random.nextInt(100) == 0) {
          logits.set(r, c, odd[random.nextInt(odd.length)]);
        } else if (kind == 3) {
          logits.set(r, c, Float.NEGATIVE_INFINITY);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("variants")
  void everyVariantHasTheBitsOfJava(KernelVariant variant) {
    for (int round = 0; round < 200; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int rows = 1 + random.nextInt(5);
      double[] expected = new double[rows * Divergence.SUMS];
      for (int r = 0; r < rows; r++) {
        expected[r * Divergence.SUMS] = Double.NEGATIVE_INFINITY;
        expected[r * Divergence.SUMS + 3] = Double.NEGATIVE_INFINITY;
      }
      double[] actual = expected.clone();
      for (int band = 0; band < 3; band++) {
        int columns = 1 + random.nextInt(200);
        Matrix a = logits(random, rows, columns, 9);
        Matrix b = logits(random, rows, columns, 9);
        if (round % 2 == 1) {
          disturb(a, random);
          disturb(b, random);
        }
        new JavaSearchKernels().addDivergence(a, b, 0, rows, expected);
        new NativeSearchKernels(variant).addDivergence(a, b, 0, 1, actual);
        new NativeSearchKernels(variant).addDivergence(a, b, 1, rows, actual);
      }
      assertArrayEquals(expected, actual, "%s: seed %d".formatted(variant.name(), seed));
    }
  }

  @Test
  void theMeanIsThatOfTheDefinition() {
    Random random = new Random(Seeds.next());
    Matrix a = logits(random, 40, 3000, 4);
    Matrix b = logits(random, 40, 3000, 4);
    SearchKernels kernels = KernelVariants.ofThisMachine().searchKernels();
    double[] means = new double[3];
    for (int threads = 1; threads <= 3; threads++) {
      Divergence divergence = new Divergence(40);
      try (Parallel parallel = new Parallel(threads)) {
        divergence.add(a, b, kernels, parallel);
      }
      means[threads - 1] = divergence.mean();
    }
    double expected = 0;
    for (int t = 0; t < 40; t++) {
      double[] p = logSoftmax(a, t);
      double[] q = logSoftmax(b, t);
      for (int v = 0; v < p.length; v++) {
        expected += Math.exp(p[v]) * (p[v] - q[v]) / 40;
      }
    }
    assertEquals(expected, means[0], 1e-6 * expected);
    assertEquals(means[0], means[1], 0, "2 threads");
    assertEquals(means[0], means[2], 0, "3 threads");
  }

  private static double[] logSoftmax(Matrix logits, int row) {
    float[] values = new float[logits.columns()];
    logits.readRow(row, values);
    double sum = 0;
    for (float value : values) {
      sum += Math.exp(value);
    }
    double[] result = new double[values.length];
    Arrays.setAll(result, v -> values[v]);
    for (int v = 0; v < result.length; v++) {
      result[v] -= Math.log(sum);
    }
    return result;
  }

  @Test
  void logitsThatAreNotFiniteGiveNoNumber() {
    Random random = new Random(Seeds.of(1));
    Matrix a = logits(random, 2, 40, 1);
    Matrix b = logits(random, 2, 40, 1);
    b.set(1, 7, Float.NaN);
    for (SearchKernels kernels :
        new SearchKernels[] {
          new JavaSearchKernels(), KernelVariants.ofThisMachine().searchKernels()
        }) {
      Divergence divergence = new Divergence(2);
      try (Parallel parallel = new Parallel(1)) {
        divergence.add(a, b, kernels, parallel);
        assertTrue(Double.isNaN(divergence.mean()));
        assertThrows(
            IllegalArgumentException.class,
            () -> divergence.add(a, Matrix.allocate(2, 39), kernels, parallel));
      }
    }
  }
}
