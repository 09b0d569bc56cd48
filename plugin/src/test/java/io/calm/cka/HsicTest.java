package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The unbiased estimate by hand, and where it is defined. */
class HsicTest {

  /** Of 4 rows: product - 4 / 2 diagonals + traces / (3 * 2). */
  @Test
  void theEstimateIsThatOfTheFormula() {
    assertEquals(5 - 2 * 3 + 12 / 6.0, new Hsic(4, 5, 3, 12).unbiased(), 1e-12);
  }

  /** Its divisor n (n - 3) is 0 for three rows. */
  @Test
  void threeRowsHaveNone() {
    assertTrue(new Hsic(4, 1, 0, 0).unbiasedIsPositive());
    assertFalse(new Hsic(3, 1, 0, 0).unbiasedIsPositive());
  }

  @Test
  void aDifferenceOfRoundingIsNone() {
    assertTrue(new Hsic(4, 1, 0.5, 6e-11).unbiasedIsPositive());
    assertFalse(new Hsic(4, 1, 0.5, 6e-13).unbiasedIsPositive());
    assertFalse(new Hsic(4, 1, 0.5, 0).unbiasedIsPositive());
  }
}
