package io.calm.runtime;

import io.calm.tensor.KernelScratch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The worker pool and each worker's scratch memory. Divides the work of a pass by rows, or by the
 * output tiles of its linears.
 */
final class Workers implements AutoCloseable {
  private static final int ROWS_PER_ITEM = 8;
  private static final int MIN_TILES = 8;

  private final WorkerPool pool;
  private final List<KernelScratch> scratch = new ArrayList<>();

  /** An operation on one row. */
  @FunctionalInterface
  interface RowTask {
    void run(int row);
  }

  /** An operation on tiles {@code from} (inclusive) to {@code to} (exclusive). */
  @FunctionalInterface
  interface TileTask {
    void run(int from, int to, KernelScratch scratch);
  }

  /** Tiles {@code from} (inclusive) to {@code to} (exclusive) of one output. */
  record TileRange(TileTask task, int from, int to) {}

  Workers(int threads, int maxRows) {
    for (int i = 0; i < threads; i++) {
      scratch.add(KernelScratch.allocate(maxRows));
    }
    pool = new WorkerPool(threads); // last: a later failure would leak its threads
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

  void forTiles(List<TileRange> ranges) {
    pool.run(
        ranges.size(),
        (item, worker) -> {
          TileRange range = ranges.get(item);
          range.task().run(range.from(), range.to(), scratch.get(worker));
        });
  }

  /**
   * Divides the tiles of outputs that are computed together into ranges of about equal size. Ranges
   * are long, since each has a fixed cost, but there is at least one per thread.
   */
  List<TileRange> tileRanges(int[] tiles, List<TileTask> tasks) {
    int total = Arrays.stream(tiles).sum();
    int share = (total + pool.threads() - 1) / pool.threads();
    int size = Math.max(MIN_TILES, Math.min(KernelScratch.MAX_TILES, share));
    List<TileRange> ranges = new ArrayList<>();
    for (int i = 0; i < tiles.length; i++) {
      int parts = (tiles[i] + size - 1) / size;
      for (int part = 0; part < parts; part++) {
        int from = (int) ((long) tiles[i] * part / parts);
        int to = (int) ((long) tiles[i] * (part + 1) / parts);
        ranges.add(new TileRange(tasks.get(i), from, to));
      }
    }
    return ranges;
  }

  @Override
  public void close() {
    pool.close();
  }
}
