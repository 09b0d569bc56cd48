package io.calm.jinja;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;

/**
 * Measures the CPU time of a rendering. Time without a processor, e.g. on a loaded machine or in a
 * garbage collection pause, does not count, if the JVM supports the measurement.
 */
final class RenderClock {
  private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

  private final long start = System.nanoTime();
  private final long cpuStart = cpu();

  boolean isOver(Duration limit) {
    if (System.nanoTime() - start <= limit.toNanos()) {
      return false;
    }
    return cpuStart < 0 || cpu() - cpuStart > limit.toNanos();
  }

  /** Returns the CPU time of this thread in nanoseconds; negative if it is not known. */
  private static long cpu() {
    try {
      return THREADS.isCurrentThreadCpuTimeSupported() ? THREADS.getCurrentThreadCpuTime() : -1;
    } catch (UnsupportedOperationException e) {
      return -1;
    }
  }
}
