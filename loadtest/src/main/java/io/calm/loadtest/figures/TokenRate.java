package io.calm.loadtest.figures;

import java.util.Arrays;

/** Tokens as they came in, in bins of 100 ms, for rates of a part of the run. Thread safe. */
public final class TokenRate {
  private static final long BIN_NANOS = 100_000_000;

  private final long origin;
  private double[] bins = new double[1024];

  /**
   * Starts empty.
   *
   * @param origin {@link System#nanoTime} before the first token
   */
  public TokenRate(long origin) {
    this.origin = origin;
  }

  /** Adds what came at a time: 1, or more where an event carries more tokens. */
  public synchronized void add(long nanos, double tokens) {
    int bin = bin(nanos);
    if (bin >= bins.length) {
      bins = Arrays.copyOf(bins, Math.max(bin + 1, 2 * bins.length));
    }
    bins[bin] += tokens;
  }

  private int bin(long nanos) {
    return Math.toIntExact(Math.max(0, nanos - origin) / BIN_NANOS);
  }

  /** Returns tokens a second between two times, to whole bins; NaN where there is none between. */
  public synchronized double between(long fromNanos, long toNanos) {
    int from = bin(fromNanos);
    int to = bin(toNanos);
    if (to <= from) {
      return Double.NaN;
    }
    double tokens = 0;
    for (int bin = from; bin < Math.min(to, bins.length); bin++) {
      tokens += bins[bin];
    }
    return tokens / ((to - from) * (BIN_NANOS / 1e9));
  }
}
