package io.calm.cli.eval;

import static io.calm.cli.eval.Estimate.Verdict.BETTER;
import static io.calm.cli.eval.Estimate.Verdict.NO_DIFFERENCE;
import static io.calm.cli.eval.Estimate.Verdict.UNKNOWN;
import static io.calm.cli.eval.Estimate.Verdict.WORSE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EstimateTest {

  @Test
  void theStandardErrorIsThatOfTheMean() {
    Estimate estimate = Estimate.of(new double[] {1, 2, 3, 6});
    assertEquals(3, estimate.mean(), 1e-12);
    // deviations -2, -1, 0, 3: variance 14 / 3, of the mean 14 / 12
    assertEquals(Math.sqrt(14.0 / 12), estimate.standardError(), 1e-12);
    assertEquals(2 * Math.sqrt(14.0 / 12), estimate.times(-2).standardError(), 1e-12);
    assertEquals(-6, estimate.times(-2).mean(), 1e-12);
  }

  @Test
  void aDifferenceIsPaired() {
    Estimate difference =
        Estimate.ofDifferences(new double[] {1.1, 5.1, 9.4}, new double[] {1, 5, 9});
    assertEquals(0.2, difference.mean(), 1e-12);
    assertEquals(0.1, difference.standardError(), 1e-12, "0.1, 0.1 and 0.4 about 0.2");
    assertThrows(
        IllegalArgumentException.class, () -> Estimate.ofDifferences(new double[2], new double[3]));
  }

  @Test
  void oneObservationHasNoError() {
    Estimate estimate = Estimate.of(new double[] {1});
    assertTrue(Double.isNaN(estimate.standardError()));
    assertEquals(UNKNOWN, estimate.verdict(true));
    assertThrows(IllegalArgumentException.class, () -> Estimate.of(new double[0]));
  }

  @ParameterizedTest
  @CsvSource({
    "-0.21, 0.1, BETTER, WORSE",
    "0.21, 0.1, WORSE, BETTER",
    "-0.2, 0.1, NO_DIFFERENCE, NO_DIFFERENCE",
    "0.19, 0.1, NO_DIFFERENCE, NO_DIFFERENCE",
    "0, 0, NO_DIFFERENCE, NO_DIFFERENCE",
    "-0.1, 0, BETTER, WORSE"
  })
  void significantIsBeyondTwoErrors(
      double mean, double error, Estimate.Verdict lower, Estimate.Verdict higher) {
    assertEquals(lower, new Estimate(mean, error).verdict(true));
    assertEquals(higher, new Estimate(mean, error).verdict(false));
  }

  @Test
  void verdictsAreWords() {
    assertEquals("better", BETTER.toString());
    assertEquals("worse", WORSE.toString());
    assertEquals("no significant difference", NO_DIFFERENCE.toString());
  }
}
