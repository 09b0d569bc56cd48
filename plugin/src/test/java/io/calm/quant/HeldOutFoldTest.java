package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A fold is kept only where it holds on rows that it was not chosen on. */
class HeldOutFoldTest {
  private static final int INPUTS = 64;
  private static final Rounding NEAREST = new NearestRounding(true);
  private static final Rounding GPTQ =
      Quantizers.load().get(new AlgorithmName("gptq")).rounding().orElseThrow();

  /** Rows whose even inputs are {@code factor} times as large as the odd ones. */
  private static Matrix rows(SplittableRandom random, float factor) {
    Matrix rows = Matrix.allocate(200, INPUTS);
    for (int t = 0; t < rows.rows(); t++) {
      for (int k = 0; k < INPUTS; k++) {
        rows.set(t, k, (float) random.nextGaussian() * (k % 2 == 0 ? factor : 1));
      }
    }
    return rows;
  }

  private static Matrix weight(SplittableRandom random) {
    return LinearStage.gaussian(random, 32, INPUTS);
  }

  private static Fold.Choice choose(Rounding rounding, Matrix weight, Matrix fit, Matrix others) {
    float[] scales = new float[INPUTS];
    for (int k = 0; k < INPUTS; k++) {
      scales[k] = k % 2 == 0 ? 4 : 1;
    }
    try (LinearStage stage = new LinearStage(weight, fit, 32)) {
      stage.heldOut(others);
      try (StageProblem problem = stage.problem()) {
        return ExponentSearch.best(
            problem, true, rounding, new double[] {1}, alpha -> Arrays.copyOf(scales, INPUTS));
      }
    }
  }

  @Test
  void aFoldThatHoldsIsKept() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    Fold.Choice choice = choose(NEAREST, weight(random), rows(random, 20), rows(random, 20));
    assertTrue(choice.detail().startsWith("alpha 1.00"), "seed " + seed + ": " + choice.detail());
    assertFalse(choice.scales()[0] == choice.scales()[1], "seed " + seed);
  }

  @Test
  void aFoldThatDoesNotHoldIsTheIdentity() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    Fold.Choice choice = choose(NEAREST, weight(random), rows(random, 20), rows(random, 0.05f));
    float[] ones = new float[choice.scales().length];
    Arrays.fill(ones, 1);
    assertArrayEquals(ones, choice.scales(), "seed " + seed);
    assertTrue(choice.detail().contains("did not hold"), "seed " + seed + ": " + choice.detail());
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void aFoldBeforeGptqIsCheckedToo(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    Fold.Choice held = choose(GPTQ, weight(random), rows(random, 20), rows(random, 20));
    assertTrue(held.detail().startsWith("power "), "seed " + seed + ": " + held.detail());
    Fold.Choice other = choose(GPTQ, weight(random), rows(random, 20), rows(random, 0.05f));
    assertTrue(other.detail().contains("did not hold"), "seed " + seed + ": " + other.detail());
  }
}
