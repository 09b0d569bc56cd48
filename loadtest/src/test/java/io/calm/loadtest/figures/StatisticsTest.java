package io.calm.loadtest.figures;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

/** Percentiles and rates. */
class StatisticsTest {

  @Test
  void percentilesOfAHundred() {
    Samples samples = new Samples();
    for (int i = 100; i >= 1; i--) {
      samples.add(i);
    }
    assertEquals(50, samples.percentile(50));
    assertEquals(95, samples.percentile(95));
    assertEquals(99, samples.percentile(99));
    assertEquals(100, samples.percentile(100));
  }

  @Test
  void percentilesOfOneAndOfNone() {
    Samples samples = new Samples();
    assertTrue(Double.isNaN(samples.percentile(50)));
    samples.add(7);
    assertEquals(7, samples.percentile(1));
    assertEquals(7, samples.percentile(99));
    assertThrows(IllegalArgumentException.class, () -> samples.percentile(0));
  }

  /** The definition, value by value. */
  @RepeatedTest(20)
  void aPercentileIsTheSmallestThatEnoughDoNotExceed(RepetitionInfo info) {
    Random random = new Random(info.getCurrentRepetition());
    int size = 1 + random.nextInt(5000);
    Samples samples = new Samples();
    long[] values = random.longs(size, 0, 1000).toArray();
    for (long value : values) {
      samples.add(value);
    }
    for (double percent : new double[] {0.1, 50, 95, 99, 100}) {
      double got = samples.percentile(percent);
      long notAbove = count(values, got);
      assertTrue(notAbove >= percent / 100 * size, "seed " + info.getCurrentRepetition());
      assertTrue(
          count(values, got - 1) < percent / 100 * size, "seed " + info.getCurrentRepetition());
    }
  }

  private static long count(long[] values, double limit) {
    return Arrays.stream(values).filter(value -> value <= limit).count();
  }

  @Test
  void aRateIsOfThePartAlone() {
    TokenRate rate = new TokenRate(1_000);
    for (int tenth = 0; tenth < 600; tenth++) { // a minute, 20 tokens a second, then 60
      rate.add(1_000 + tenth * 100_000_000L, tenth < 300 ? 2 : 6);
    }
    assertEquals(20, rate.between(1_000, 30_000_001_000L), 1e-9);
    assertEquals(60, rate.between(30_000_001_000L, 60_000_001_000L), 1e-9);
    assertEquals(40, rate.between(1_000, 60_000_001_000L), 1e-9);
    assertEquals(0, rate.between(60_000_001_000L, 70_000_001_000L), 1e-9);
    assertTrue(Double.isNaN(rate.between(5_000, 5_000)));
  }
}
