package io.calm.quantize;

import io.calm.search.Progress;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The right to search. Searches of a process run one at a time, in the order of their requests,
 * because each of them uses all processors and a working set of memory. Models whose artifact
 * exists load meanwhile.
 */
final class SearchTurn implements AutoCloseable {
  private static final Semaphore TURN = new Semaphore(1, true);

  private SearchTurn() {}

  /**
   * Waits for the turn.
   *
   * @param progress receives a step while it waits; an exception that it throws ends the wait
   */
  static SearchTurn take(Consumer<Progress> progress) {
    long start = System.nanoTime();
    try {
      while (!TURN.tryAcquire(500, TimeUnit.MILLISECONDS)) {
        progress.accept(
            new Progress.Step(Progress.Kind.WAITING_FOR_TURN, (System.nanoTime() - start) / 1e9));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(
          "interrupted while waiting for the search of another model", e);
    }
    return new SearchTurn();
  }

  /** Returns whether a search runs. */
  static boolean isTaken() {
    return TURN.availablePermits() == 0;
  }

  @Override
  public void close() {
    TURN.release();
  }
}
