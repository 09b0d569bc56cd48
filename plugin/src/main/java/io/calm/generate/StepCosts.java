package io.calm.generate;

import java.util.function.LongSupplier;

/**
 * A running estimate of a decode step's time as a line, {@code fixed + slope * rows}, in units of a
 * step of one row. Fitted to the measured steps by least squares with exponential forgetting; the
 * prior holds as long as all steps have the same number of rows. It decides how many tokens are
 * worth proposing and never affects an answer. Not thread safe.
 */
final class StepCosts {
  /** Time of one more row before any step was measured, in steps of one row. */
  private static final double PRIOR_SLOPE = 0.2;

  /** Weight of the prior, as a sum of squared deviations of the number of rows. */
  private static final double PRIOR_WEIGHT = 32;

  private static final double MIN_SLOPE = 0.01;
  private static final double MAX_SLOPE = 0.95;
  private static final double KEPT = 0.99;

  /** Measured times are cut off at this multiple of the expected time. */
  private static final double OUTLIER = 2;

  private final LongSupplier nanoClock;
  private double weight;
  private double rowsMean;
  private double nanosMean;
  private double rowsSquares;
  private double products;
  private double slope;

  /**
   * @param nanoClock monotonic clock in nanoseconds; steps without a duration are ignored
   */
  StepCosts(LongSupplier nanoClock) {
    this(nanoClock, PRIOR_SLOPE);
  }

  /** Creates an estimate that starts from another time of one more row. */
  StepCosts(LongSupplier nanoClock, double slope) {
    this.nanoClock = nanoClock;
    this.slope = slope;
  }

  long now() {
    return nanoClock.getAsLong();
  }

  /** Returns the time of one more row, in steps of one row. */
  double slope() {
    return slope;
  }

  /** Returns the time of a decode step in steps of one row. */
  double of(int rows) {
    return 1 + slope * (rows - 1);
  }

  /** Adds a decode step of {@code rows} rows that started at {@code start} and has just ended. */
  void measured(int rows, long start) {
    double nanos = now() - start;
    if (nanos <= 0) {
      return;
    }
    if (weight > 1) {
      nanos = Math.min(nanos, OUTLIER * nanosMean * of(rows) / ofMean());
    }
    weight = KEPT * weight + 1;
    double fromRows = rows - rowsMean;
    rowsMean += fromRows / weight;
    double fromNanos = nanos - nanosMean;
    nanosMean += fromNanos / weight;
    rowsSquares = KEPT * rowsSquares + fromRows * (rows - rowsMean);
    products = KEPT * products + fromRows * (nanos - nanosMean);
    fit();
  }

  private double ofMean() {
    return 1 + slope * (rowsMean - 1);
  }

  private void fit() {
    double priorRow = PRIOR_SLOPE * nanosMean / (1 + PRIOR_SLOPE * (rowsMean - 1));
    double row = (products + PRIOR_WEIGHT * priorRow) / (rowsSquares + PRIOR_WEIGHT);
    double one = nanosMean - row * (rowsMean - 1);
    slope = one <= 0 ? MAX_SLOPE : Math.max(MIN_SLOPE, Math.min(MAX_SLOPE, row / one));
  }
}
