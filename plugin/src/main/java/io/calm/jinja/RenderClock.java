package io.calm.jinja;

import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;

/**
 * Measures how long a rendering works. Time in which its thread has no processor, on a loaded
 * machine or in a pause of the garbage collector, does not count where the JVM can tell it.
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

  /** Returns the nanoseconds this thread has worked; negative where they are not known. */
  private static long cpu() {
    try {
      return THREADS.isCurrentThreadCpuTimeSupported() ? THREADS.getCurrentThreadCpuTime() : -1;
    } catch (UnsupportedOperationException e) {
      return -1;
    }
  }
}
