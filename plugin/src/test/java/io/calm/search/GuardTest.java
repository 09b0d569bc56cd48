package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guard's decisions between a mix and a uniform algorithm. */
class GuardTest {
  private static final double[] UNIFORM = {0.1, 0.3, 0.2};

  private static boolean served(double... mix) {
    return Guard.decide("gptq", mix, UNIFORM).mixServed();
  }

  @Test
  void aMixIsServedUnlessItIsWorseBeyondThePairedError() {
    assertTrue(served(0.05, 0.25, 0.15), "better");
    assertTrue(served(UNIFORM), "equal");
    assertTrue(served(0.1, 0.6, 0.0), "worse in the mean by 0.033, with an error of 0.145");
    assertFalse(served(0.11, 0.31, 0.21), "worse by 0.01 on every sequence");
  }

  @ParameterizedTest
  @ValueSource(doubles = {Double.NaN, Double.POSITIVE_INFINITY})
  void aDivergenceThatIsNotFiniteLoses(double diverged) {
    double[] bad = {0.1, diverged, 0.2};
    assertFalse(Guard.decide("gptq", bad, UNIFORM).mixServed());
    assertTrue(Guard.decide("gptq", UNIFORM, bad).mixServed());
    SearchException e =
        assertThrows(SearchException.class, () -> Guard.decide("gptq", bad, bad.clone()));
    assertTrue(e.getMessage().contains("the mix and of uniform-gptq"), e.getMessage());
  }

  @Test
  void pairedStandardErrorIsThatOfTheDifferences() {
    assertEquals(0, Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 1, 2}));
    assertEquals(
        Math.sqrt(1.0 / 3),
        Guard.pairedStandardError(new double[] {1, 2, 3}, new double[] {0, 2, 4}),
        1e-12);
    assertEquals(0, Guard.pairedStandardError(new double[] {1}, new double[] {0}), "one alone");
  }
}
