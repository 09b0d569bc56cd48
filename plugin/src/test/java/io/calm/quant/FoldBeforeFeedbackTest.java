package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The scales of a fold before GPTQ are compared with GPTQ's codes, too. */
class FoldBeforeFeedbackTest {
  private static final int INPUTS = 128;
  private static final int GROUP = 32;
  private static final Quantizers QUANTIZERS = Quantizers.load();

  private static Quantizer named(String name) {
    return QUANTIZERS.get(new AlgorithmName(name));
  }

  private static Rounding rounding(String name) {
    return named(name).rounding().orElseThrow();
  }

  /** Correlated inputs, of which every eighth is large. */
  private static Matrix inputs(SplittableRandom random, int rows) {
    Matrix inputs =
        new JavaLinearAlgebra()
            .multiplyTransposed(
                LinearStage.gaussian(random, rows, 48), LinearStage.gaussian(random, INPUTS, 48));
    for (int t = 0; t < rows; t++) {
      for (int k = 0; k < INPUTS; k += 8) {
        inputs.set(t, k, 6 * inputs.get(t, k));
      }
    }
    return inputs;
  }

  /** Returns the scales that {@code fold} chooses before a rounding. */
  private static float[] scales(String fold, Rounding rounding, Matrix weight, Matrix x) {
    try (LinearStage stage = new LinearStage(weight, x, GROUP);
        StageProblem problem = stage.problem()) {
      return named(fold).fold().orElseThrow().choose(problem, rounding).scales();
    }
  }

  /** Returns the error of the outputs after GPTQ behind a fold. */
  private static double gptqError(Matrix weight, Matrix x, float[] scales) {
    try (LinearStage stage = new LinearStage(weight, x, GROUP);
        StageProblem problem = stage.problem()) {
      problem.scale(scales);
      Matrix rounded = rounding("gptq").round(problem.rounding()).dequantize();
      for (int n = 0; n < rounded.rows(); n++) {
        for (int k = 0; k < INPUTS; k++) {
          rounded.set(n, k, rounded.get(n, k) / scales[k]);
        }
      }
      return LinearStage.outputError(x, weight, rounded);
    }
  }

  @ParameterizedTest
  @CsvSource({"awq, 1", "awq, 2", "awq, 3", "smoothquant, 4", "smoothquant, 5", "smoothquant, 6"})
  void theChoiceIsBetterForGptqThanThatForNearestCodes(String fold, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Matrix weight = LinearStage.gaussian(random, 48, INPUTS);
    Matrix x = inputs(random, 400);
    float[] forGptq = scales(fold, rounding("gptq"), weight, x);
    float[] forNearest = scales(fold, new NearestRounding(true), weight, x);
    double chosen = gptqError(weight, x, forGptq);
    double nearest = gptqError(weight, x, forNearest);
    float[] ones = new float[INPUTS];
    Arrays.fill(ones, 1);
    assertFalse(Arrays.equals(ones, forGptq), "the identity");
    assertTrue(chosen < gptqError(weight, x, ones), "worse than no scales");
    assertTrue(
        chosen < 0.97 * nearest, "chosen %g, for nearest codes %g".formatted(chosen, nearest));
  }

  @Test
  void roundingsWithErrorFeedbackCompareScalesThemselves() {
    assertTrue(rounding("gptq").roundingForFolds().isPresent());
    assertTrue(rounding("qep").roundingForFolds().isPresent());
    assertFalse(rounding("qep").roundingForFolds().orElseThrow().comparesStreams());
    assertTrue(new NearestRounding(true).roundingForFolds().isEmpty());
  }

  @Test
  void theStatisticsOfScaledInputsAreThoseOfDividedOnes() {
    SplittableRandom random = new SplittableRandom(7);
    Matrix x = inputs(random, 50);
    float[] scales = new float[INPUTS];
    for (int k = 0; k < INPUTS; k++) {
      scales[k] = (float) Math.pow(2, random.nextInt(-3, 4));
    }
    try (LinearStage plain = new LinearStage(LinearStage.gaussian(random, 4, INPUTS), x, GROUP);
        LinearStage divided = new LinearStage(LinearStage.gaussian(random, 4, INPUTS), x, GROUP)) {
      divided.divide(scales);
      ScaledStatistics scaled = new ScaledStatistics(plain, plain.gram(), scales);
      Matrix expected = divided.gram();
      Matrix got = scaled.gram();
      for (int i = 0; i < INPUTS; i++) {
        for (int k = 0; k < INPUTS; k++) {
          assertEquals(
              expected.get(i, k),
              got.get(i, k),
              1e-5 * Math.sqrt(expected.get(i, i) * expected.get(k, k)));
        }
        assertEquals(
            divided.meanSquare()[i], scaled.meanSquare()[i], 1e-5 * divided.meanSquare()[i]);
      }
    }
  }

  @Test
  void theSameScalesAreRoundedOnce() {
    AtomicInteger calls = new AtomicInteger();
    Matrix weight = Matrix.allocate(1, GROUP);
    ScaledRounding rounding =
        (rounded, scales, linears) -> {
          calls.incrementAndGet();
          return new QuantizedMatrix(
              1, GROUP, GROUP, new byte[GROUP], new float[] {scales[0]}, new float[] {0});
        };
    ScaledRounding remembered = rounding.remembered();
    float[] scales = {1, 2};
    assertEquals(1, remembered.round(weight, scales, n -> "q").scales()[0]);
    scales[0] = 4; // callers may use their array again
    assertEquals(4, remembered.round(weight, scales, n -> "q").scales()[0]);
    assertEquals(1, remembered.round(weight, new float[] {1, 2}, n -> "q").scales()[0]);
    assertEquals(2, calls.get());
  }
}
