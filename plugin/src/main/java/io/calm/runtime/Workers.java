package io.calm.runtime;

import io.calm.tensor.KernelScratch;
import java.util.ArrayList;
import java.util.List;

/** The pool with each worker's scratch, and the two ways in which a pass is divided. */
final class Workers implements AutoCloseable {
  private static final int ROWS_PER_ITEM = 8;
  private static final int MIN_TILES = 8;

  private final WorkerPool pool;
  private final List<KernelScratch> scratch = new ArrayList<>();

  /** Something done for one row, by whichever worker. */
  @FunctionalInterface
  interface RowTask {
    void run(int row);
  }

  /** Something done for a strip of tiles {@code from} to {@code to}. */
  @FunctionalInterface
  interface StripTask {
    void run(int from, int to, KernelScratch scratch);
  }

  /** The tiles {@code from} to {@code to} of one output. */
  record Strip(StripTask task, int from, int to) {}

  Workers(int threads, int maxRows) {
    for (int i = 0; i < threads; i++) {
      scratch.add(KernelScratch.allocate(maxRows));
    }
    pool = new WorkerPool(threads); // last: nobody would end its threads
  }

  WorkerPool pool() {
    return pool;
  }

  void forRows(int rows, RowTask task) {
    int items = (rows + ROWS_PER_ITEM - 1) / ROWS_PER_ITEM;
    pool.run(
        items,
        (item, worker) -> {
          int end = Math.min(rows, (item + 1) * ROWS_PER_ITEM);
          for (int row = item * ROWS_PER_ITEM; row < end; row++) {
            task.run(row);
          }
        });
  }

  void forStrips(List<Strip> strips) {
    pool.run(
        strips.size(),
        (item, worker) -> {
          Strip strip = strips.get(item);
          strip.task().run(strip.from(), strip.to(), scratch.get(worker));
        });
  }

  /**
   * Cuts the tiles of outputs that are computed together into strips of about equal size: long
   * ones, since a kernel's cost for each strip is fixed, and one for each thread at least.
   */
  List<Strip> strips(int[] tiles, List<StripTask> tasks) {
    int total = java.util.Arrays.stream(tiles).sum();
    int share = (total + pool.threads() - 1) / pool.threads();
    int size = Math.max(MIN_TILES, Math.min(KernelScratch.MAX_TILES, share));
    List<Strip> strips = new ArrayList<>();
    for (int i = 0; i < tiles.length; i++) {
      int parts = (tiles[i] + size - 1) / size;
      for (int part = 0; part < parts; part++) {
        int from = (int) ((long) tiles[i] * part / parts);
        int to = (int) ((long) tiles[i] * (part + 1) / parts);
        strips.add(new Strip(tasks.get(i), from, to));
      }
    }
    return strips;
  }

  @Override
  public void close() {
    pool.close();
  }
}
