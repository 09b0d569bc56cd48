package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class StepCostsTest {
  private static final double PRIOR = 0.2;

  private final AtomicLong clock = new AtomicLong();
  private final StepCosts costs = new StepCosts(clock::get);

  /** A step of a machine on which one row takes 10 ms. */
  private void step(int rows, double slope, double noise) {
    long start = costs.now();
    clock.addAndGet(Math.round(1e7 * (1 + slope * (rows - 1)) * noise));
    costs.measured(rows, start);
  }

  @Test
  void startsFromThePrior() {
    assertEquals(PRIOR, costs.slope());
    assertEquals(1, costs.of(1));
    assertEquals(1 + 8 * PRIOR, costs.of(9), 1e-12);
  }

  @Test
  void stepsOfOneSizeTellNothingAboutTheNextRow() {
    for (int i = 0; i < 1000; i++) {
      step(1, 0.5, 1);
    }
    assertEquals(PRIOR, costs.slope(), 1e-9);
  }

  @Test
  void findsTheSlopeOfNoisyStepsAndFollowsIt() {
    SplittableRandom random = new SplittableRandom(7);
    for (double slope : new double[] {0.05, 0.6, 0.1}) {
      for (int i = 0; i < 600; i++) {
        double noise = random.nextInt(20) == 0 ? 3 : 0.95 + 0.1 * random.nextDouble();
        step(1 + random.nextInt(9), slope, noise);
      }
      assertEquals(slope, costs.slope(), 0.2 * slope + 0.03);
    }
  }

  /** E.g. a step in which the machine slept: it counts as one of twice its time. */
  @Test
  void aStepThatTookVeryLongHardlyCounts() {
    for (int i = 0; i < 600; i++) {
      step(1 + i % 9, 0.1, 1);
    }
    double before = costs.slope();
    step(9, 0.1, 1000);
    assertEquals(before, costs.slope(), 0.02);
  }

  @Test
  void staysWithinItsRangeAndIgnoresStepsWithoutADuration() {
    for (int i = 0; i < 100; i++) {
      step(1 + i % 9, -0.1, 1); // faster with every row
    }
    assertTrue(costs.slope() > 0);
    double before = costs.slope();
    costs.measured(5, costs.now());
    assertEquals(before, costs.slope());
    for (int i = 0; i < 1000; i++) {
      step(1 + i % 9, 50, 1);
    }
    assertTrue(costs.slope() < 1);
  }
}
