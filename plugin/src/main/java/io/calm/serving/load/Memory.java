package io.calm.serving.load;

import com.sun.management.HotSpotDiagnosticMXBean;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.Optional;

/** What the machine, or the container, and this JVM have to give. */
final class Memory {
  private Memory() {}

  /** Returns the bytes of free memory that this process may use, container limits included. */
  static long available() {
    return ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system
        ? system.getFreeMemorySize()
        : Runtime.getRuntime().maxMemory();
  }

  /**
   * Returns the bytes that direct buffers may take: {@code -XX:MaxDirectMemorySize}, or as much as
   * the heap where that is not set.
   */
  static long directLimit() {
    return Optional.ofNullable(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class))
        .map(bean -> Long.parseLong(bean.getVMOption("MaxDirectMemorySize").getValue()))
        .filter(limit -> limit > 0)
        .orElseGet(() -> Runtime.getRuntime().maxMemory());
  }
}
