package io.calm.compare;

import java.util.Arrays;

/**
 * Count, mean and quantiles of a set of values. Quantiles are values of the set (nearest rank). All
 * but the count are NaN if the set is empty.
 *
 * @param count number of values that were recorded, which may be more than the quantiles are of
 * @param mean mean of all recorded values
 */
public record Quantiles(long count, double mean, double p50, double p90, double p99) {
  /** The quantiles of no values. */
  public static final Quantiles NONE =
      new Quantiles(0, Double.NaN, Double.NaN, Double.NaN, Double.NaN);

  /** Computes the quantiles of all values. */
  public static Quantiles of(double[] values) {
    return of(values, values.length, Arrays.stream(values).average().orElse(Double.NaN));
  }

  static Quantiles of(double[] values, long count, double mean) {
    if (values.length == 0) {
      return NONE;
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return new Quantiles(count, mean, rank(sorted, 0.5), rank(sorted, 0.9), rank(sorted, 0.99));
  }

  private static double rank(double[] sorted, double share) {
    return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
  }
}
