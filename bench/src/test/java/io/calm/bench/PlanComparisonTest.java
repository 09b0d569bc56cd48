package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.compare.Deviation;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The figures of a comparison: with an interval, or without one of too few groups. */
class PlanComparisonTest {
  private final StringWriter printed = new StringWriter();
  private final BenchReport report = new BenchReport(new PrintWriter(printed), 1, "java");

  private List<String> units(Deviation deviation) {
    new PlanComparison.Outcome(2, 1, deviation).report(report, "m/prefill", "calm", "uniform-rtn");
    return report.rows().stream().map(BenchRow::unit).toList();
  }

  @Test
  void anIntervalIsPrintedAndRecorded() {
    assertEquals(
        List.of("ms", "ms", "%", "% (low)", "% (high)"), units(new Deviation(100, 90, 110)));
    assertEquals(
        "m/prefill: calm 2.0000 ms, uniform-rtn 1.0000 ms, deviation +100.000 %"
            + " (95 % interval +90.000 to +110.000 %)",
        printed.toString().strip());
  }

  @Test
  void tooFewGroupsHaveNoInterval() {
    assertEquals(List.of("ms", "ms", "%"), units(new Deviation(100, Double.NaN, Double.NaN)));
    assertEquals(
        "m/prefill: calm 2.0000 ms, uniform-rtn 1.0000 ms, deviation +100.000 %"
            + " (no interval: fewer than 8 groups of steps)",
        printed.toString().strip());
  }
}
