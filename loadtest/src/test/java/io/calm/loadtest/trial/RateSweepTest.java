package io.calm.loadtest.trial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.loadtest.figures.Latency;
import io.calm.loadtest.figures.RunResult;
import java.util.List;
import org.junit.jupiter.api.Test;

class RateSweepTest {
  private static final Slo SLO = new Slo(1000, 200);

  static RunResult run(double rate, double firstToken, double interToken, long refused) {
    return new RunResult(
        "open",
        0,
        rate,
        30,
        new RunResult.Counts(10 + refused, 10, 0, refused, 0, 0, 0, 0),
        100,
        new Latency(10, 1, 1, firstToken, firstToken),
        new Latency(90, 1, 1, interToken, interToken),
        List.of());
  }

  /** A server whose first tokens are late above a rate. */
  private static RateSweep.Load breaksAbove(double limit) {
    return rate -> run(rate, rate > limit ? 5000 : 100, 20, 0);
  }

  @Test
  void findsTheHighestRateFromBelow() throws Exception {
    RateSweep.Outcome outcome = RateSweep.search(1, 20, SLO, breaksAbove(7.3));
    double highest = outcome.highest().orElseThrow();
    assertTrue(outcome.broke());
    assertTrue(highest <= 7.3 && highest * 1.1 >= 7.3, "highest " + highest);
  }

  @Test
  void findsTheHighestRateFromAbove() throws Exception {
    RateSweep.Outcome outcome = RateSweep.search(8, 20, SLO, breaksAbove(0.9));
    double highest = outcome.highest().orElseThrow();
    assertTrue(highest <= 0.9 && highest * 1.1 >= 0.9, "highest " + highest);
    assertFalse(outcome.points().get(0).holds());
  }

  @Test
  void endsAfterItsRuns() throws Exception {
    RateSweep.Outcome never = RateSweep.search(8, 4, SLO, breaksAbove(0));
    assertEquals(4, never.points().size());
    assertTrue(never.highest().isEmpty());
    RateSweep.Outcome always = RateSweep.search(1, 3, SLO, breaksAbove(1e9));
    assertEquals(2.25, always.highest().orElseThrow());
    assertFalse(always.broke());
  }

  @Test
  void givenRatesEndWhereTheObjectiveBreaks() throws Exception {
    RateSweep.Outcome outcome = RateSweep.over(List.of(8.0, 1.0, 2.0, 4.0), SLO, breaksAbove(3));
    assertEquals(
        List.of(1.0, 2.0, 4.0), outcome.points().stream().map(RateSweep.Point::rate).toList());
    assertEquals(2, outcome.highest().orElseThrow());
  }

  @Test
  void anObjectiveBreaksByEachOfItsLimits() {
    assertTrue(SLO.holds(run(1, 1000, 200, 0)));
    assertTrue(SLO.holds(run(1, 1000, Double.NaN, 0)), "answers of one token have no gaps");
    assertFalse(SLO.holds(run(1, 1001, 200, 0)));
    assertFalse(SLO.holds(run(1, 1000, 201, 0)));
    assertFalse(SLO.holds(run(1, 1000, 200, 1)));
    assertFalse(SLO.holds(run(1, Double.NaN, 200, 0)), "no answer, no objective");
  }
}
