package io.calm.serving.model;

import java.time.Duration;

/**
 * The number of pieces of answers that wait to be written after their tokens were generated. The
 * model's tokenizer stays open for them. Thread safe.
 */
public final class PendingAnswers {
  private long pending;

  /** Counts a piece that waits. */
  public synchronized void add() {
    pending++;
  }

  /** Ends {@link #add}. */
  public synchronized void remove() {
    pending--;
    notifyAll();
  }

  /** Waits until none is left; returns false if the timeout elapses. */
  synchronized boolean await(Duration timeout) throws InterruptedException {
    long end = System.nanoTime() + timeout.toNanos();
    while (pending > 0) {
      long left = end - System.nanoTime();
      if (left <= 0) {
        return false;
      }
      wait(left / 1_000_000, (int) (left % 1_000_000));
    }
    return true;
  }
}
