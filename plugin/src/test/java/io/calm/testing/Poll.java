package io.calm.testing;

import java.time.Duration;

/** A wait for something that happens in another thread or process. */
public final class Poll {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration PAUSE = Duration.ofMillis(5);

  private Poll() {}

  /** A state that comes. */
  @FunctionalInterface
  public interface Condition {
    boolean holds() throws Exception;
  }

  /**
   * Waits until a condition holds.
   *
   * @param what the condition in words, for the failure
   */
  public static void until(String what, Condition condition) throws Exception {
    long start = System.nanoTime();
    while (!condition.holds()) {
      if (System.nanoTime() - start > LIMIT.toNanos()) {
        throw new AssertionError("not within %s: %s".formatted(LIMIT, what));
      }
      Thread.sleep(PAUSE.toMillis());
    }
  }
}
