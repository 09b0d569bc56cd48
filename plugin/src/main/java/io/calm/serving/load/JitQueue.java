package io.calm.serving.load;

import java.time.Duration;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * The work of the JVM's compiler threads. A warm-up leaves them methods to compile, for which they
 * take processors away from the first request.
 */
final class JitQueue {
  /** Time between two looks. */
  private static final Duration LOOK = Duration.ofMillis(10);

  /** Time without a compilation after which the queue counts as empty. */
  private static final Duration QUIET = Duration.ofMillis(30);

  private JitQueue() {}

  /** Waits for some time, or is interrupted. */
  @FunctionalInterface
  interface Sleep {
    void sleep(Duration time) throws InterruptedException;
  }

  /** The state of the compiler threads. */
  @FunctionalInterface
  interface Compiler {
    Look look();
  }

  /**
   * The work of the compiler threads so far.
   *
   * @param work grows with every compilation, in any unit
   * @param running whether a thread compiles at this moment
   */
  record Look(long work, boolean running) {}

  /**
   * Waits on this thread until no method is being compiled, at most for a limit. Returns at once if
   * the JVM does not report it.
   */
  static void awaitQuiet(Duration limit) throws InterruptedException {
    Optional<Compiler> compiler = CompilerThreads.ofThisJvm();
    if (compiler.isPresent()) {
      awaitQuiet(compiler.get(), time -> Thread.sleep(time.toMillis()), System::nanoTime, limit);
    }
  }

  /**
   * Waits until a compiler rests.
   *
   * @param nanoClock monotonic clock in nanoseconds. On a busy machine a sleep takes longer than
   *     its time.
   */
  static void awaitQuiet(Compiler compiler, Sleep sleep, LongSupplier nanoClock, Duration limit)
      throws InterruptedException {
    long start = nanoClock.getAsLong();
    long busy = start;
    long now = start;
    Look last = compiler.look();
    while (now - busy < QUIET.toNanos() && now - start < limit.toNanos()) {
      Duration left = limit.minusNanos(now - start);
      sleep.sleep(left.compareTo(LOOK) < 0 ? left : LOOK);
      now = nanoClock.getAsLong();
      Look look = compiler.look();
      if (look.running() || look.work() != last.work()) {
        busy = now;
      }
      last = look;
    }
  }
}
