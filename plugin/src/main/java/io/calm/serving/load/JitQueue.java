package io.calm.serving.load;

import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The work of the JVM's compiler threads. A warm-up leaves them methods to compile, for which they
 * take processors away from the first request.
 */
final class JitQueue {
  /** Time between two looks. A method that takes longer than all quiet looks is not seen. */
  private static final Duration LOOK = Duration.ofMillis(10);

  /** Looks in a row without a compilation at which the queue counts as empty. */
  private static final int QUIET_LOOKS = 3;

  private JitQueue() {}

  /** Waits for some time, or is interrupted. */
  @FunctionalInterface
  interface Sleep {
    void sleep(Duration time) throws InterruptedException;
  }

  /**
   * Waits on this thread until no method is being compiled, at most for a limit. Returns at once if
   * the JVM does not report it.
   */
  static void awaitQuiet(Duration limit) throws InterruptedException {
    Optional<LongSupplier> compiled = compiledMillis();
    if (compiled.isPresent()) {
      awaitQuiet(compiled.get(), time -> Thread.sleep(time.toMillis()), limit);
    }
  }

  /**
   * Waits until a time no longer grows.
   *
   * @param compiled total time of all compilations that have ended, in any unit
   */
  static void awaitQuiet(LongSupplier compiled, Sleep sleep, Duration limit)
      throws InterruptedException {
    long last = compiled.getAsLong();
    int quiet = 0;
    for (Duration left = limit;
        quiet < QUIET_LOOKS && left.compareTo(LOOK) >= 0;
        left = left.minus(LOOK)) {
      sleep.sleep(LOOK);
      long now = compiled.getAsLong();
      quiet = now == last ? quiet + 1 : 0;
      last = now;
    }
  }

  private static Optional<LongSupplier> compiledMillis() {
    CompilationMXBean bean = ManagementFactory.getCompilationMXBean();
    return bean != null && bean.isCompilationTimeMonitoringSupported()
        ? Optional.of(bean::getTotalCompilationTime)
        : Optional.empty();
  }
}
