package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariant;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class NeighboursBenchTest {
  private static final Duration HANG = Duration.ofMinutes(2);

  @Test
  void everyNeighbourBecomesARow() throws Exception {
    KernelVariant variant = NativeVariants.assumeBest(NeighboursBenchTest.class);
    BenchReport report = new BenchReport(new PrintWriter(new StringWriter()), 2, variant.name());
    try (BusyProcess busy = BusyProcess.start()) {
      assertTimeoutPreemptively(
          HANG,
          () -> new NeighboursBench(variant, 2, 0.01, report).run(Shapes.tiny(true), busy, 2));
    }
    assertEquals(
        List.of("tiny/busy-process", "tiny/threads=4", "tiny/threads=8"),
        report.rows().stream().map(BenchRow::shape).toList());
    for (BenchRow row : report.rows()) {
      assertEquals("neighbours", row.name());
      assertEquals("quiet", row.against());
      assertTrue(row.value() > 0 && row.ratio() > 0, row.toString());
    }
  }

  @Test
  void aBusyProcessSpinsOnlyOnRequestAndEnds() {
    assertTimeoutPreemptively(
        HANG,
        () -> {
          BusyProcess busy = BusyProcess.start();
          long before = busy.cpuNanos();
          busy.spin();
          while (busy.cpuNanos() - before < 200_000_000L) {
            Thread.sleep(10);
          }
          busy.sleep();
          assertTrue(busy.isAlive());
          busy.close();
          assertTrue(!busy.isAlive());
        });
  }
}
