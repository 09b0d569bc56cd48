package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.tensor.Matrix;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * QEP's correction by hand (docs/explanation/algorithms.md): {@code W* = W + D (H + 3 mean)^-1}.
 */
class QepCorrectionTest {

  /**
   * One input, x^ = 1, 2 and x = 5 x^, so that H = 5 and D = W sum (x - x^) x^ = 20 W. The damped H
   * is 5 + 3 * 5, and W* = 2 W; without damping it would be 5 W.
   */
  @Test
  void theDampingIsThreeTimesTheMeanOfTheDiagonal() {
    Matrix quantized = Matrix.of(new float[][] {{1}, {2}});
    Matrix full = Matrix.of(new float[][] {{5}, {10}});
    Matrix weight = Matrix.of(new float[][] {{1}, {-0.5f}});
    Rounding qep = Quantizers.load().get(new AlgorithmName("qep")).rounding().orElseThrow();
    try (LinearStage stage = new LinearStage(weight, quantized, 32, Optional.of(full));
        StageProblem problem = stage.problem();
        Matrix rounded = qep.round(problem.rounding()).dequantize()) {
      assertEquals(2, rounded.get(0, 0), 1e-3);
      assertEquals(-1, rounded.get(1, 0), 1e-3);
    }
  }
}
