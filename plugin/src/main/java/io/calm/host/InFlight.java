package io.calm.host;

import java.time.Duration;

/** Counts requests under way. Thread safe. */
final class InFlight {
  private int count;

  synchronized void began() {
    count++;
  }

  synchronized void ended() {
    count--;
    notifyAll();
  }

  /** Waits until there are none, but no longer than {@code most}. */
  synchronized void awaitNone(Duration most) throws InterruptedException {
    long end = System.nanoTime() + most.toNanos();
    while (count > 0) {
      long left = (end - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return;
      }
      wait(left);
    }
  }
}
