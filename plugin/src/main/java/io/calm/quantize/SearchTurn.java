package io.calm.quantize;

import io.calm.search.SearchProgress;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The right to search. One search of a process runs at a time, first come first served, for each
 * takes the processors and a working set of memory; models whose artifact exists load meanwhile.
 */
public final class SearchTurn implements AutoCloseable {
  private static final Semaphore TURN = new Semaphore(1, true);

  private SearchTurn() {}

  /**
   * Waits for the turn.
   *
   * @param progress told while it waits; what it throws ends the wait
   */
  public static SearchTurn take(Consumer<SearchProgress> progress) {
    long start = System.nanoTime();
    try {
      while (!TURN.tryAcquire(500, TimeUnit.MILLISECONDS)) {
        progress.accept(
            SearchProgress.phase(
                "waiting for another model's search", (System.nanoTime() - start) / 1e9));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while another model was searched", e);
    }
    return new SearchTurn();
  }

  @Override
  public void close() {
    TURN.release();
  }
}
