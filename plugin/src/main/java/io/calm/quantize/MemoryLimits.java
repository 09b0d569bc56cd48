package io.calm.quantize;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Memory limits of the machine or container, and of this JVM. */
public final class MemoryLimits {
  private MemoryLimits() {}

  /**
   * Returns the number of bytes that this process may still allocate, within the limits of its
   * container. Memory of the page cache counts as free.
   */
  public static long available() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? available(Path.of("/"), system.getTotalMemorySize(), system.getFreeMemorySize())
        : Runtime.getRuntime().maxMemory();
  }

  /**
   * Returns the available memory in bytes. Linux describes the machine in {@code /proc/meminfo},
   * also to a process in a container, and the container in its control group.
   *
   * @param root root of the file system
   * @param total memory of the container or the machine in bytes, as the JVM sees it
   * @param free the part of it that nothing uses, not even the page cache
   */
  static long available(Path root, long total, long free) {
    List<String> machine = ControlGroup.lines(root.resolve("proc/meminfo"));
    boolean limited = total < bytes(machine, "MemTotal:").orElse(total);
    long group = ControlGroup.available(root).orElse(limited ? free : total);
    return Math.min(group, bytes(machine, "MemAvailable:").orElse(free));
  }

  /** Returns a size of {@code /proc/meminfo} in bytes; empty if it is not there. */
  private static OptionalLong bytes(List<String> lines, String name) {
    return lines.stream()
        .filter(line -> line.startsWith(name))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")) * 1024)
        .findFirst();
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
