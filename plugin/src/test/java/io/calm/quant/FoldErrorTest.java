package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The error that fold scales are chosen by, on weights whose 4-bit grids are exact. */
class FoldErrorTest {
  private static final int INPUTS = 64;
  private static final int GROUP = 32;

  /** Returns a stage of one token and {@code outputs} equal rows. */
  private static LinearStage stage(int outputs) {
    Matrix weight = Matrix.allocate(outputs, INPUTS);
    for (int n = 0; n < outputs; n++) {
      weight.set(n, 0, 15);
      for (int k = GROUP; k < INPUTS; k += 2) {
        weight.set(n, k, 15);
      }
    }
    Matrix token = Matrix.allocate(1, INPUTS);
    token.set(0, 0, 127);
    for (int k = GROUP; k < INPUTS; k++) {
      token.set(0, k, 0.25f);
    }
    return new LinearStage(weight, token, GROUP);
  }

  private static double error(LinearStage stage, ScaledRounding rounding) {
    float[] ones = new float[INPUTS];
    Arrays.fill(ones, 1);
    try (stage;
        StageProblem problem = stage.problem();
        FoldError error = new FoldError(problem, rounding)) {
      return error.of(ones);
    }
  }

  private static double nearestError(LinearStage stage) {
    try (StageProblem problem = stage.problem()) {
      return error(stage, ScaledRounding.nearest(problem, false));
    }
  }

  /**
   * An output is 15 * 127 + 16 * 15 * 0.25 = 1905 + 60. One scale for all inputs is 127 / 127, on
   * which 0.25 is 0; a scale of the second group has 0.25 as its code 127.
   */
  @Test
  void activationsAreRoundedAsTheServedModelDoes() {
    SearchKernels machine = KernelVariants.ofThisMachine().searchKernels();
    for (SearchKernels kernels : List.of(machine, new JavaSearchKernels())) {
      assertEquals(0, nearestError(stage(3).with(kernels)), 1e-9);
      assertEquals(Math.pow(60 / 1965.0, 2), nearestError(stage(3).with(kernels).perToken()), 1e-6);
    }
  }

  /** Otherwise the first linear of a stage would decide the scales of all. */
  @Test
  void theOutputsOfALargeStageAreComparedInEvenSteps() {
    int outputs = 600;
    Matrix weight = Matrix.allocate(outputs, INPUTS);
    for (int n = 0; n < outputs; n++) {
      weight.set(n, 0, n);
    }
    LinearStage stage = new LinearStage(weight, Matrix.of(new float[1][INPUTS]), GROUP);
    List<Integer> compared = new ArrayList<>();
    try (StageProblem problem = stage.problem()) {
      ScaledRounding nearest = ScaledRounding.nearest(problem, false);
      error(
          stage,
          (rows, scales, linears) -> {
            for (int n = 0; n < rows.rows(); n++) {
              compared.add((int) rows.get(n, 0));
            }
            return nearest.round(rows, scales, linears);
          });
    }
    assertEquals(512, compared.size());
    for (int i = 0; i < compared.size(); i++) {
      assertEquals(600.0 / 512 * i, compared.get(i), 1, "output " + i);
    }
  }
}
