package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DeviationTest {
  @Test
  void aConstantDifferenceHasAnIntervalOfOnePoint() {
    double[] uniform = {10, 20, 40, 15};
    double[] mix = Arrays.stream(uniform).map(time -> 1.002 * time).toArray();
    Deviation deviation = Deviation.of(mix, uniform, 1);
    assertEquals(0.2, deviation.percent(), 1e-9);
    assertEquals(0.2, deviation.low(), 1e-9);
    assertEquals(0.2, deviation.high(), 1e-9);
  }

  @Test
  void theIntervalHoldsTheTrueDifferenceNineteenTimesOfTwenty() {
    Random random = new Random(42);
    int held = 0;
    int trials = 200;
    double width = 0;
    for (int trial = 0; trial < trials; trial++) {
      double[] first = new double[100];
      double[] second = new double[100];
      for (int i = 0; i < first.length; i++) {
        double drift = 5 + random.nextDouble();
        first[i] = drift * 1.01 * Math.exp(0.02 * random.nextGaussian());
        second[i] = drift;
      }
      Deviation deviation = Deviation.of(first, second, trial);
      assertTrue(deviation.low() <= deviation.percent());
      assertTrue(deviation.percent() <= deviation.high());
      held += deviation.low() <= 1 && 1 <= deviation.high() ? 1 : 0;
      width += (deviation.high() - deviation.low()) / trials;
    }
    assertTrue(held >= 182 && held <= 198, "held in %d of 200 trials".formatted(held));
    // 2 x 1.96 x 1.253 x 2 % / sqrt(100), about.
    assertEquals(0.98, width, 0.15);
  }

  @Test
  void aDisturbedPairMovesItLittle() {
    double[] uniform = new double[101];
    Arrays.fill(uniform, 4);
    double[] mix = uniform.clone();
    mix[17] = 400;
    assertEquals(0, Deviation.of(mix, uniform, 3).percent());
  }

  @Test
  void timesWithoutPartnersAreRefused() {
    assertThrows(
        IllegalArgumentException.class, () -> Deviation.of(new double[0], new double[0], 1));
    assertThrows(
        IllegalArgumentException.class, () -> Deviation.of(new double[2], new double[1], 1));
  }

  @Test
  void anOpeningIsOneObservation() {
    Deviation one = new Deviation(0.5, 0.4, 0.6);
    assertEquals(one, Deviation.ofOpenings(List.of(one)));
    Deviation both = Deviation.ofOpenings(List.of(one, new Deviation(-0.3, -0.4, -0.2)));
    assertEquals(0.1, both.percent(), 1e-12);
    // Two values 0.8 apart: a standard error of 0.4, t of one degree of freedom 12.706.
    assertEquals(12.706 * 0.4, both.halfWidth(), 1e-9);
    assertEquals(0.1 - 12.706 * 0.4, both.low(), 1e-9);
  }
}
