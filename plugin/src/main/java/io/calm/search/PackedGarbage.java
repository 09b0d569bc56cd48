package io.calm.search;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/**
 * The direct buffers that a search leaves to the garbage collector: the packed linears of its
 * candidates, and those of the model that samples calibration tokens. The heap of a search is
 * hardly used, so the collector would not run for them. Not thread safe.
 */
public final class PackedGarbage {
  /** Bytes that may wait for a collection. */
  static final long LIMIT = 128L << 20;

  private static final String POOL = "direct";

  private long mark = used();

  /**
   * Asks for a collection if more than {@link #LIMIT} was allocated since the last one and not
   * freed. Buffers of others in the process count too, but only once.
   */
  @SuppressWarnings("ExplicitGc") // nothing else frees a packed linear
  public void collect() {
    mark = Math.min(mark, used());
    if (used() - mark > LIMIT) {
      System.gc();
      mark = used();
    }
  }

  /** Returns the size of all direct buffers of the JVM. */
  static long used() {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(pool -> pool.getName().equals(POOL))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
