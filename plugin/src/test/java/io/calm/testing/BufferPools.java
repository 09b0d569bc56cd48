package io.calm.testing;

import java.lang.management.BufferPoolMXBean;
import java.lang.management.ManagementFactory;

/** The bytes of all buffers outside the heap of this JVM. */
public final class BufferPools {
  private BufferPools() {}

  public static long direct() {
    return used("direct");
  }

  public static long mapped() {
    return used("mapped");
  }

  private static long used(String pool) {
    return ManagementFactory.getPlatformMXBeans(BufferPoolMXBean.class).stream()
        .filter(bean -> bean.getName().equals(pool))
        .mapToLong(BufferPoolMXBean::getMemoryUsed)
        .sum();
  }
}
