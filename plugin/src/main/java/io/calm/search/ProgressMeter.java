package io.calm.search;

import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Turns the search's steps into snapshots with an estimate of the time left. */
final class ProgressMeter {
  private final Consumer<SearchProgress> listener;
  private final LongSupplier nanoTime;
  private final long start;
  private final int layers;
  private final int pool;
  private final boolean guard;
  private double lastScore = Double.NaN;
  private int evaluations;
  private double searchSeconds;

  ProgressMeter(
      Consumer<SearchProgress> listener,
      LongSupplier nanoTime,
      int layers,
      int pool,
      boolean guard) {
    this.listener = listener;
    this.nanoTime = nanoTime;
    this.start = nanoTime.getAsLong();
    this.layers = layers;
    this.pool = pool;
    this.guard = guard;
  }

  double seconds() {
    return (nanoTime.getAsLong() - start) / 1e9;
  }

  int evaluations() {
    return evaluations;
  }

  void trying(int block, int candidate, String algorithm) {
    double done = block + (double) candidate / pool;
    double total = layers * (guard ? 1 + 1.0 / pool : 1);
    double eta = evaluations == 0 ? Double.NaN : seconds() / done * (total - done);
    report("searching", block, candidate, algorithm, eta);
  }

  void evaluated(double score) {
    evaluations++;
    lastScore = score;
    searchSeconds = seconds();
  }

  /** A pass with one algorithm over all blocks: a uniform plan, or the guard's. */
  void pass(String phase, int block, String algorithm) {
    double spent = seconds() - searchSeconds;
    double eta = block == 0 ? Double.NaN : spent / block * (layers - block);
    report(phase, block, 0, algorithm, eta);
  }

  /** A step that has no blocks. */
  void phase(String phase) {
    listener.accept(SearchProgress.phase(phase, seconds()));
  }

  private void report(String phase, int block, int candidate, String algorithm, double eta) {
    listener.accept(
        new SearchProgress(
            phase,
            block,
            layers,
            algorithm,
            candidate,
            pool,
            lastScore,
            seconds(),
            eta,
            evaluations));
  }
}
