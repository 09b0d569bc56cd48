package io.calm.quant.gptq;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The intensity by hand, and its limits. */
class ShrinkageTest {

  private static Matrix matrix(float[][] values) {
    Matrix matrix = Matrix.allocate(values.length, values.length);
    for (int i = 0; i < values.length; i++) {
      matrix.writeRow(i, values[i]);
    }
    return matrix;
  }

  private static float[] values(Matrix matrix) {
    float[] values = new float[matrix.rows() * matrix.columns()];
    matrix.bytes().asFloatBuffer().get(values);
    return values;
  }

  /** Over both elements: (4 * 2 + 1 + 4 * 2 + 1) / 10 tokens / (1 + 1) = 0.9. */
  @Test
  void theIntensityIsThatOfTheFormula() {
    Matrix hessian = matrix(new float[][] {{4, 1}, {1, 2}});
    try (Parallel parallel = new Parallel(1)) {
      assertEquals(0.9, Shrinkage.apply(hessian, 10, parallel), 1e-12);
    }
    assertArrayEquals(new float[] {4, 0.1f, 0.1f, 2}, values(hessian), 1e-7f);
  }

  @Test
  void oneTokenLeavesTheDiagonalAndADiagonalIsKept() {
    Matrix hessian = matrix(new float[][] {{4, 2}, {2, 1}});
    Matrix diagonal = matrix(new float[][] {{4, 0}, {0, 1}});
    try (Parallel parallel = new Parallel(1)) {
      assertEquals(1, Shrinkage.apply(hessian, 1, parallel));
      assertEquals(0, Shrinkage.apply(diagonal, 1, parallel));
    }
    assertArrayEquals(new float[] {4, 0, 0, 1}, values(hessian));
    assertArrayEquals(new float[] {4, 0, 0, 1}, values(diagonal));
  }

  @Test
  void theNumberOfThreadsDoesNotMatter() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    float[][] rows = new float[37][37];
    for (int i = 0; i < 37; i++) {
      for (int j = 0; j <= i; j++) {
        rows[i][j] = (float) random.nextGaussian() + (i == j ? 9 : 0);
        rows[j][i] = rows[i][j];
      }
    }
    Matrix one = matrix(rows);
    Matrix five = matrix(rows);
    try (Parallel single = new Parallel(1);
        Parallel several = new Parallel(5)) {
      assertEquals(Shrinkage.apply(one, 100, single), Shrinkage.apply(five, 100, several));
    }
    assertArrayEquals(values(one), values(five), "seed " + seed);
  }
}
