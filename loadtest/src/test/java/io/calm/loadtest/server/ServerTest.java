package io.calm.loadtest.server;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;

/** Metrics and memory of a server. */
class ServerTest {

  @Test
  void aMetricIsSummedOverItsLabels() {
    Scrape scrape =
        Scrape.parse(
            """
            # HELP calm_x X.
            # TYPE calm_x gauge
            calm_x{model="a b",variant="calm",} 1.0
            calm_x{model="}",variant="calm",} 2.5E1
            calm_xy 7
            calm_inf{le="+Inf",} +Inf
            """);
    assertEquals(OptionalDouble.of(26), scrape.sum("calm_x"));
    assertEquals(OptionalDouble.of(7), scrape.sum("calm_xy"));
    assertEquals(OptionalDouble.of(Double.POSITIVE_INFINITY), scrape.sum("calm_inf"));
    assertEquals(OptionalDouble.empty(), scrape.sum("calm_y"));
  }

  @Test
  void growthLeavesTheWarmUpOut() {
    MemoryLog memory = new MemoryLog();
    double[] values = {10, 50, 100, 100, 104, 106, 110, 110};
    for (double value : values) {
      memory.add(value);
    }
    assertEquals(0.10, memory.growth().getAsDouble(), 1e-9);
    assertEquals(OptionalDouble.of(110), memory.max());
    memory.close();
  }

  @Test
  void growthOfAFewValuesIsNotKnown() {
    MemoryLog memory = new MemoryLog();
    for (int i = 0; i < 7; i++) {
      memory.add(1);
    }
    assertTrue(memory.growth().isEmpty());
    memory.close();
  }

  @Test
  void thisProcessHasMemory() throws InterruptedException {
    OptionalLong self = OptionalLong.of(ProcessHandle.current().pid());
    OptionalDouble bytes = new Observer(Optional.empty(), "", self).residentBytes();
    Assumptions.assumeTrue(Files.isDirectory(Path.of("/proc/self")), "no /proc");
    assertTrue(bytes.getAsDouble() > 1 << 20, bytes.toString());
  }
}
