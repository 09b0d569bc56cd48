package io.calm.tensor;

import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Runs independent pieces of a loop on its own threads, never on the common pool. Results must not
 * depend on the assignment of pieces to threads.
 */
public final class Parallel implements AutoCloseable {
  /** Pieces a thread gets, so that an uneven one does not hold up the rest. */
  private static final int PIECES_PER_THREAD = 4;

  private final ForkJoinPool pool;

  public Parallel(int threads) {
    pool = new ForkJoinPool(threads);
  }

  /** A piece of a loop: indexes {@code from} (inclusive) to {@code to} (exclusive). */
  @FunctionalInterface
  public interface Range {
    void run(int from, int to);
  }

  /** Returns the number of threads. */
  public int threads() {
    return pool.getParallelism();
  }

  /**
   * Splits {@code 0 .. count} into ranges and waits for all of them, also if one fails: the caller
   * may free what they use. The first failure is thrown then, and ranges that have not started are
   * skipped.
   */
  public void ranges(int count, Range body) {
    int pieces = Math.min(count, pool.getParallelism() * PIECES_PER_THREAD);
    if (pieces <= 1 || threads() == 1) {
      body.run(0, count);
      return;
    }
    AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
    pool.submit(
            () ->
                IntStream.range(0, pieces)
                    .parallel()
                    .forEach(
                        piece -> {
                          if (failure.get() == null) {
                            attempt(
                                failure,
                                body,
                                (int) ((long) count * piece / pieces),
                                (int) ((long) count * (piece + 1) / pieces));
                          }
                        }))
        .join();
    Throwable first = failure.get();
    if (first instanceof Error error) {
      throw error;
    }
    if (first instanceof RuntimeException exception) {
      throw exception;
    }
  }

  /** Runs a range. A stream would end at its first failure, while other ranges still run. */
  private static void attempt(
      AtomicReference<@Nullable Throwable> failure, Range body, int from, int to) {
    try {
      body.run(from, to);
    } catch (RuntimeException | Error e) {
      failure.compareAndSet(null, e);
    }
  }

  @Override
  public void close() {
    pool.shutdownNow();
  }
}
