package io.calm.search;

import io.calm.search.Progress.Attempt;
import io.calm.search.Progress.Position;
import io.calm.search.Progress.Scores;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Reports the steps of a sensitivity table with an estimate of the time that is left. */
final class SensitivityMeter {
  private final Consumer<Progress> listener;
  private final LongSupplier nanoTime;
  private final long start;
  private final List<Integer> blocks;
  private final int layers;
  private final int pool;
  private double firstBlock;
  private double work;
  private int cells;

  SensitivityMeter(
      Consumer<Progress> listener,
      LongSupplier nanoTime,
      List<Integer> blocks,
      int layers,
      int pool) {
    this.listener = listener;
    this.nanoTime = nanoTime;
    this.start = nanoTime.getAsLong();
    this.blocks = blocks;
    this.layers = layers;
    this.pool = pool;
  }

  double seconds() {
    return (nanoTime.getAsLong() - start) / 1e9;
  }

  /** Reports that the full-precision model runs. */
  void reference() {
    report(0, Sensitivity.REFERENCE, 0);
  }

  /** Reports that a member of the pool is tried on a block. */
  void trying(int layer, int candidate, String algorithm) {
    if (candidate == 0 && work == 0) {
      firstBlock = seconds();
    }
    report(blocks.indexOf(layer), algorithm, candidate);
  }

  /** Counts a block that is measured. */
  void finished(int layer) {
    work += work(layer);
    cells += pool;
  }

  private void report(int done, String algorithm, int candidate) {
    double spent = seconds() - firstBlock;
    double left = blocks.stream().skip(done).mapToDouble(this::work).sum();
    listener.accept(
        new Progress.Measuring(
            new Position(done, blocks.size()),
            new Attempt(algorithm, candidate, pool + 1),
            Scores.count(cells),
            work == 0 ? Double.NaN : spent / work * left));
  }

  /** Returns the estimated work of a block: a quantization costs about as much as half a model. */
  private double work(int layer) {
    return layers / 2.0 + layers - layer;
  }
}
