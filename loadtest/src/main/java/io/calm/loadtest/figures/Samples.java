package io.calm.loadtest.figures;

import java.util.Arrays;

/** All values of one measurement, so that percentiles are exact. Thread safe. */
public final class Samples {
  private long[] values = new long[1024];
  private int size;

  public synchronized void add(long value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, 2 * size);
    }
    values[size++] = value;
  }

  public synchronized int size() {
    return size;
  }

  /**
   * Returns the smallest value that at least {@code percent} of all do not exceed; NaN where there
   * is none.
   */
  public synchronized double percentile(double percent) {
    if (percent <= 0 || percent > 100) {
      throw new IllegalArgumentException("expected a percentage in (0, 100], got " + percent);
    }
    if (size == 0) {
      return Double.NaN;
    }
    long[] sorted = Arrays.copyOf(values, size);
    Arrays.sort(sorted);
    return (double) sorted[(int) Math.ceil(percent / 100 * size) - 1];
  }
}
