package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The peak memory of the process as Linux tells it. */
class PeakMemoryTest {

  @Test
  void readsTheHighWaterMark() {
    String status = "Name:\tjava\nVmPeak:\t 9000 kB\nVmHWM:\t 2315316 kB\nVmRSS:\t 1 kB\n";
    assertEquals(2315316L * 1024, PeakMemory.parse(status));
  }

  @Test
  void aStatusWithoutItHasNoPeak() {
    assertEquals(0, PeakMemory.parse("Name:\tjava\nVmRSS:\t 1 kB\n"));
  }

  @Test
  void thisProcessHasAPeakOnLinux() {
    assumeTrue(Files.isReadable(Path.of("/proc/self/status")), "no /proc/self/status");
    assertTrue(PeakMemory.bytes() > 1 << 20, "bytes: " + PeakMemory.bytes());
  }
}
