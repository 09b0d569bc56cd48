package io.calm.search;

import io.calm.search.Progress.Attempt;
import io.calm.search.Progress.Kind;
import io.calm.search.Progress.Position;
import io.calm.search.Progress.Scores;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/** Reports the steps of a search with an estimate of the time that is left. */
final class ProgressMeter {
  private final Consumer<Progress> listener;
  private final LongSupplier nanoTime;
  private final long start;
  private final int layers;
  private final int pool;
  private final int parts;
  private final boolean guard;
  private Scores scores = Scores.count(0);
  private double searchSeconds;

  /**
   * Starts the clock.
   *
   * @param pool number of algorithms
   * @param parts number of parts of a block that are chosen one after the other
   */
  ProgressMeter(
      Consumer<Progress> listener,
      LongSupplier nanoTime,
      int layers,
      int pool,
      int parts,
      boolean guard) {
    this.listener = listener;
    this.nanoTime = nanoTime;
    this.start = nanoTime.getAsLong();
    this.layers = layers;
    this.pool = pool;
    this.parts = parts;
    this.guard = guard;
  }

  double seconds() {
    return (nanoTime.getAsLong() - start) / 1e9;
  }

  int evaluations() {
    return scores.evaluations();
  }

  /**
   * Reports that the search tries a candidate on a block.
   *
   * @param candidate index among all candidates of the block, the parts one after the other
   */
  void trying(int block, int candidate, String algorithm) {
    double done = block + (double) candidate / (pool * parts);
    double total = layers * (guard ? 1 + 1.0 / pool : 1);
    double eta = evaluations() == 0 ? Double.NaN : seconds() / done * (total - done);
    listener.accept(
        new Progress.Searching(
            new Position(block, layers),
            new Attempt(algorithm, candidate, pool * parts),
            scores,
            eta));
  }

  /** Counts a candidate that was scored. */
  void evaluated(String algorithm, double score) {
    scores = new Scores(evaluations() + 1, score, algorithm);
    searchSeconds = seconds();
  }

  /** Reports a block of a uniform plan. */
  void quantizing(int block, String algorithm) {
    listener.accept(
        new Progress.Quantizing(new Position(block, layers), algorithm, count(), pass(block)));
  }

  /** Reports a block of the uniform plan that the guard compares with. */
  void guarding(int block, String algorithm) {
    listener.accept(
        new Progress.Guarding(new Position(block, layers), algorithm, count(), pass(block)));
  }

  /** Reports that the format of the lm_head is chosen. */
  void head() {
    listener.accept(new Progress.Step(Kind.HEAD));
  }

  /** Returns the number of candidates only; a uniform plan has no scores. */
  private Scores count() {
    return Scores.count(evaluations());
  }

  /** Returns the seconds left of a pass over all blocks that is at {@code block}. */
  private double pass(int block) {
    double spent = seconds() - searchSeconds;
    return block == 0 ? Double.NaN : spent / block * (layers - block);
  }
}
