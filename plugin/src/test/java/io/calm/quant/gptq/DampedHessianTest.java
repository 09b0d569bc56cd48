package io.calm.quant.gptq;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.calm.kernels.JavaSearchKernels;
import io.calm.quant.Compute;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import org.junit.jupiter.api.Test;

/** Solutions by hand; the Hessian is then the same as before. */
class DampedHessianTest {

  private static void requireSolution(
      double share, float[][] hessian, float[] target, float... expected) {
    try (Parallel parallel = new Parallel(1);
        Matrix damped = Matrix.of(hessian);
        Matrix solution = Matrix.of(new float[][] {target})) {
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      DampedHessian.divide(
          solution, WithoutStatistics.problem(solution, 32, compute), damped, share);
      assertArrayEquals(expected, row(solution, 0), 1e-4f);
      for (int k = 0; k < hessian.length; k++) {
        assertArrayEquals(hessian[k], row(damped, k), "row " + k + " after the solution");
      }
    }
  }

  private static float[] row(Matrix matrix, int row) {
    float[] values = new float[matrix.columns()];
    matrix.readRow(row, values);
    return values;
  }

  /**
   * The mean of the diagonal is 2.5; the inverse of {{7, 1}, {1, 8}} is {{8, -1}, {-1, 7}} / 55.
   */
  @Test
  void aShareOfTheMeanDiagonalIsAddedForTheSolutionOnly() {
    requireSolution(2, new float[][] {{2, 1}, {1, 3}}, new float[] {55, 110}, 6, 13);
  }

  @Test
  void anInputThatIsAlwaysZeroIsApartFromTheOthers() {
    requireSolution(1, new float[][] {{0, 0}, {0, 4}}, new float[] {3, 12}, 3, 2);
  }
}
