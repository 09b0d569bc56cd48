package io.calm.testing;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Waits for latches in code that cannot throw checked exceptions. */
public final class Latches {
  private static final long LIMIT_SECONDS = 120;

  private Latches() {}

  /** Waits for a latch; fails after a limit, so that a thread of a failed test ends. */
  public static void await(CountDownLatch latch) {
    try {
      if (!latch.await(LIMIT_SECONDS, TimeUnit.SECONDS)) {
        throw new AssertionError("a latch was not released within " + LIMIT_SECONDS + " s");
      }
    } catch (InterruptedException e) {
      throw new AssertionError("interrupted", e);
    }
  }
}
