package io.calm.compare;

import java.util.Arrays;

/**
 * The last values of a series, with the count and the mean of all. Its quantiles are exact for the
 * last {@value #KEPT} values. Thread safe.
 */
final class RecentValues {
  static final int KEPT = 4096;
  private static final int FIRST = 64;

  private double[] values = new double[FIRST];
  private long count;
  private double sum;

  synchronized void add(double value) {
    if (count == values.length && values.length < KEPT) {
      values = Arrays.copyOf(values, 2 * values.length);
    }
    values[(int) (count % values.length)] = value;
    count++;
    sum += value;
  }

  Quantiles quantiles() {
    double[] kept;
    long all;
    double mean;
    synchronized (this) {
      kept = Arrays.copyOf(values, (int) Math.min(count, values.length));
      all = count;
      mean = sum / count;
    }
    return Quantiles.of(kept, all, mean);
  }
}
