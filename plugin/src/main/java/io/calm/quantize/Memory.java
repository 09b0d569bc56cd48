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

/** What the machine, or the container, and this JVM have to give. */
public final class Memory {
  private Memory() {}

  /**
   * Returns the bytes of memory that this process may still use, container limits included; what
   * the page cache holds counts, for it gives way.
   */
  public static long available() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? Math.min(system.getTotalMemorySize(), Math.max(system.getFreeMemorySize(), linux()))
        : Runtime.getRuntime().maxMemory();
  }

  /** Returns Linux's MemAvailable in bytes; 0 elsewhere. */
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
   * Returns the bytes that direct buffers may take: {@code -XX:MaxDirectMemorySize}, or as much as
   * the heap where that is not set.
   */
  public static long directLimit() {
    return Optional.ofNullable(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class))
        .map(bean -> Long.parseLong(bean.getVMOption("MaxDirectMemorySize").getValue()))
        .filter(limit -> limit > 0)
        .orElseGet(() -> Runtime.getRuntime().maxMemory());
  }
}
