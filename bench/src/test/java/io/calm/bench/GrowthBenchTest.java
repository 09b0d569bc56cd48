package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariant;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class GrowthBenchTest {
  private final StringWriter printed = new StringWriter();
  private final AtomicInteger saves = new AtomicInteger();

  private BenchReport run(double memory, double seconds) throws Exception {
    KernelVariant variant = NativeVariants.assumeBest(GrowthBenchTest.class);
    BenchReport report = new BenchReport(new PrintWriter(printed), 2, variant.name());
    GrowthBench.Setup setup =
        new GrowthBench.Setup(
            variant,
            2,
            new Machine(NativeBench.of(variant, 2), 1 << 20),
            memory,
            new Deadline(seconds),
            report,
            saves::incrementAndGet);
    new GrowthBench(Shapes.tiny(true), setup).run(List.of(10, 300), List.of(1, 3));
    return report;
  }

  @Test
  void everyCellBecomesARowAndIsSaved() throws Exception {
    BenchReport report = run(1e9, 600);
    assertEquals(
        List.of(
            "decode tiny/context=10/sequences=1",
            "decode tiny/context=10/sequences=3",
            "decode tiny/context=300/sequences=1",
            "decode tiny/context=300/sequences=3",
            "prefill tiny/context=10",
            "prefill tiny/context=300"),
        report.rows().stream().map(row -> row.name() + " " + row.shape()).toList());
    for (BenchRow row : report.rows()) {
      assertEquals("model", row.against());
      assertEquals("tokens/s", row.unit());
      assertTrue(row.value() > 0 && row.ratio() > 0, row.toString());
    }
    assertEquals(4, saves.get());
  }

  @Test
  void whatExceedsTheMemoryIsNamed() throws Exception {
    // 256 bytes of keys and values per token: 900 tokens do not fit
    BenchReport report = run(StepWork.modelBytes(Shapes.tiny(true).spec()) + 256 * 400, 600);
    assertEquals(5, report.rows().size());
    assertTrue(printed.toString().contains("(--seconds): 300x3\n"), printed.toString());
  }

  @Test
  void aShapeWithoutMemoryOrTimeIsSkippedWithTheReason() throws Exception {
    assertEquals(List.of(), run(1000, 600).rows());
    assertTrue(printed.toString().contains("skipped: it needs "), printed.toString());
    assertEquals(List.of(), run(1e9, 0).rows());
    assertTrue(printed.toString().contains("skipped: no time is left"), printed.toString());
  }
}
