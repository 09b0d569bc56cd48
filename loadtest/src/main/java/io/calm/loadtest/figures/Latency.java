package io.calm.loadtest.figures;

/**
 * Percentiles of a latency in milliseconds; NaN where there is no value.
 *
 * @param count number of values
 */
public record Latency(int count, double p50, double p90, double p99, double max) {
  private static final double NANOS_PER_MILLI = 1e6;

  /** Returns the percentiles of samples in nanoseconds. */
  public static Latency of(Samples nanos) {
    return new Latency(
        nanos.size(),
        nanos.percentile(50) / NANOS_PER_MILLI,
        nanos.percentile(90) / NANOS_PER_MILLI,
        nanos.percentile(99) / NANOS_PER_MILLI,
        nanos.percentile(100) / NANOS_PER_MILLI);
  }
}
