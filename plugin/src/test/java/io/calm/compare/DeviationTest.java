package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class DeviationTest {
  private static double[] gaussian(Random random, int count, double mean, double deviation) {
    return IntStream.range(0, count)
        .mapToDouble(i -> mean + deviation * random.nextGaussian())
        .toArray();
  }

  @Test
  void aConstantDifferenceHasAnIntervalOfOnePoint() {
    double[] uniform = {10, 20, 40, 15};
    double[] mix = Arrays.stream(uniform).map(time -> 1.002 * time).toArray();
    Deviation deviation = Deviation.ofRounds(mix, uniform, 1, 1);
    assertEquals(0.2, deviation.percent(), 1e-9);
    assertEquals(0.2, deviation.low(), 1e-9);
    assertEquals(0.2, deviation.high(), 1e-9);
    Deviation openings = Deviation.ofOpenings(new double[] {0.2, 0.2, 0.2, 0.2});
    assertEquals(0.2, openings.percent(), 1e-12);
    assertEquals(0, openings.halfWidth(), 1e-12);
  }

  @Test
  void theIntervalOfRoundsHoldsTheTrueDifferenceNineteenTimesOfTwenty() {
    Random random = new Random(42);
    int held = 0;
    int trials = 200;
    double width = 0;
    for (int trial = 0; trial < trials; trial++) {
      double[] first = gaussian(random, 200, 1.01, 0.02);
      double[] second = gaussian(random, 200, 1, 0.02);
      Deviation deviation = Deviation.ofRounds(first, second, 4, trial);
      assertTrue(deviation.low() <= deviation.percent());
      assertTrue(deviation.percent() <= deviation.high());
      held += deviation.low() <= 1 && 1 <= deviation.high() ? 1 : 0;
      width += (deviation.high() - deviation.low()) / trials;
    }
    assertTrue(held >= 180 && held <= 198, "held in %d of 200 trials".formatted(held));
    // The mean of the faster half has 1.36 times the variance of the mean: 2 x 1.96 x 0.233 %.
    assertEquals(0.92, width, 0.12);
  }

  @Test
  void theFasterHalfOfAnOddNumberHasItsMiddle() {
    double[] ones = {1, 1, 1};
    assertEquals(100, Deviation.percent(new double[] {3, 1, 50}, ones), 1e-12);
  }

  @Test
  void aDisturbedStepMovesItLittle() {
    double[] uniform = new double[101];
    Arrays.fill(uniform, 4);
    double[] mix = uniform.clone();
    mix[17] = 400;
    assertEquals(0, Deviation.percent(mix, uniform));
    double[] openings = new double[8];
    openings[5] = 30;
    assertEquals(0, Deviation.ofOpenings(openings).percent(), 2.5);
    assertTrue(Deviation.ofOpenings(openings).halfWidth() < 10);
  }

  @Test
  void partsOfRoundsAndTooFewOpeningsAreRefused() {
    double[] none = {};
    assertThrows(IllegalArgumentException.class, () -> Deviation.ofRounds(none, none, 4, 1));
    double[] five = new double[5];
    assertThrows(IllegalArgumentException.class, () -> Deviation.ofRounds(five, five, 4, 1));
    assertThrows(IllegalArgumentException.class, () -> Deviation.percent(new double[2], none));
    assertThrows(IllegalArgumentException.class, () -> Deviation.ofOpenings(none));
  }

  @Test
  void anOpeningIsOneObservation() {
    Deviation four = Deviation.ofOpenings(new double[] {0.5, 0.5, -0.3, -0.3});
    assertEquals(0.1, four.percent(), 1e-12);
    // Squares 0.64, two degrees of freedom, t = 4.303.
    assertEquals(4.303 * Math.sqrt(0.64 / 4 / 2), four.halfWidth(), 1e-9);
    assertEquals(0.1 - four.halfWidth(), four.low(), 1e-9);
  }

  /** Of a few openings only the mean is known, and of one not even whether the order made it. */
  @Test
  void fewOpeningsHaveNoInterval() {
    for (double[] few : List.of(new double[] {5.4}, new double[] {5.4, -4.6})) {
      assertFalse(Deviation.ofOpenings(few).hasInterval());
      assertTrue(Double.isNaN(Deviation.ofOpenings(few).halfWidth()));
    }
    Deviation three = Deviation.ofOpenings(new double[] {5.3, -4.6, 5.5});
    assertEquals(0.4, three.percent(), 1e-12, "the order cancels");
    assertFalse(three.hasInterval());
    assertTrue(Deviation.ofOpenings(new double[] {5.3, -4.6, 5.5, -4.7}).hasInterval());
  }

  @Test
  void theOrderOfOpeningCancels() {
    Random random = new Random(7);
    double[] openings = gaussian(random, 12, 0.3, 0.4);
    double[] ordered = openings.clone();
    Arrays.setAll(ordered, i -> ordered[i] + (i % 2 == 0 ? 5 : -5));
    Deviation deviation = Deviation.ofOpenings(openings);
    assertEquals(deviation.percent(), Deviation.ofOpenings(ordered).percent(), 1e-9);
    assertEquals(deviation.halfWidth(), Deviation.ofOpenings(ordered).halfWidth(), 1e-9);
  }

  @Test
  void theIntervalOfOpeningsIsThatOfStudent() {
    // Seven of two orders with the same mean: squares 28, five degrees of freedom 2.571.
    Deviation seven = Deviation.ofOpenings(new double[] {1, 2, 3, 4, 5, 6, 7});
    assertEquals(4, seven.percent(), 1e-12);
    assertEquals(2.571 * Math.sqrt(28 / 7.0 / 5), seven.halfWidth(), 1e-9);
    // Nine lose the outermost two, which count as their neighbours: squares 44, seven kept, t
    // 2.571.
    Deviation nine = Deviation.ofOpenings(new double[] {1, 2, 3, 4, 5, 6, 7, 8, 9});
    assertEquals(5, nine.percent(), 1e-12);
    assertEquals(2.571 * Math.sqrt(46 / 7.0 / 5), nine.halfWidth(), 1e-9);
  }
}
