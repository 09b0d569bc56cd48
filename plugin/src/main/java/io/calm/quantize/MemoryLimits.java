package io.calm.quantize;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/** Memory limits of the machine or container, and of this JVM. */
public final class MemoryLimits {
  private MemoryLimits() {}

  /**
   * Returns the number of bytes that this process may still allocate, within the limits of its
   * container. Memory of the page cache counts as free.
   */
  public static long available() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? Math.min(system.getTotalMemorySize(), Math.max(system.getFreeMemorySize(), linux()))
        : Runtime.getRuntime().maxMemory();
  }

  /** Returns MemAvailable of Linux in bytes; 0 on other systems. */
  private static long linux() {
    try (Stream<String> lines = Files.lines(Path.of("/proc/meminfo"))) {
      return lines
          .filter(line -> line.startsWith("MemAvailable:"))
          .map(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
          .findFirst()
          .orElse(0L);
    } catch (IOException | UncheckedIOException e) {
      return 0;
    }
  }

  /**
   * Returns the maximum size of all direct buffers in bytes: {@code -XX:MaxDirectMemorySize}, or
   * the maximum heap size if that is not set.
   */
  public static long directLimit() {
    return Optional.ofNullable(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class))
        .map(bean -> Long.parseLong(bean.getVMOption("MaxDirectMemorySize").getValue()))
        .filter(limit -> limit > 0)
        .orElseGet(() -> Runtime.getRuntime().maxMemory());
  }
}
