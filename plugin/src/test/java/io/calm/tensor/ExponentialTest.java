package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ExponentialTest {
  @Test
  void isWithinTheStatedErrorOfTheExactValue() {
    double worst = 0;
    for (int i = -87 * 4096; i <= 88 * 4096; i++) {
      float x = i / 4096f + 1e-5f * (i % 7);
      double exact = StrictMath.exp(x);
      worst = Math.max(worst, Math.abs(Exponential.exp(x) - exact) / Math.ulp((float) exact));
    }
    assertTrue(worst < 1.5, "worst error in units of the last place: " + worst);
  }

  @Test
  void endsOfTheRange() {
    assertEquals(1f, Exponential.exp(0f));
    assertEquals(1f, Exponential.exp(-0f));
    assertEquals(0f, Exponential.exp(Float.NEGATIVE_INFINITY));
    assertEquals(0f, Exponential.exp(-105f));
    assertEquals(Float.POSITIVE_INFINITY, Exponential.exp(88.73f));
    assertEquals(Float.POSITIVE_INFINITY, Exponential.exp(Float.POSITIVE_INFINITY));
    assertTrue(Float.isFinite(Exponential.exp(88.72f)));
    assertTrue(Float.isNaN(Exponential.exp(Float.NaN)));
    assertEquals(StrictMath.exp(-100), Exponential.exp(-100f), 2 * Float.MIN_VALUE);
  }
}
