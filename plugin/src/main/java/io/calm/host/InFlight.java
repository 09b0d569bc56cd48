package io.calm.host;

import java.time.Duration;

/** The number of requests in flight. Thread safe. */
final class InFlight {
  private int count;

  synchronized void began() {
    count++;
  }

  synchronized void ended() {
    count--;
    notifyAll();
  }

  /** Waits until no request is in flight, for at most {@code timeout}. */
  synchronized void awaitNone(Duration timeout) throws InterruptedException {
    long end = System.nanoTime() + timeout.toNanos();
    while (count > 0) {
      long left = (end - System.nanoTime()) / 1_000_000;
      if (left <= 0) {
        return;
      }
      wait(left);
    }
  }
}
