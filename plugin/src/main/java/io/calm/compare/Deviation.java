package io.calm.compare;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The relative difference of two latencies that were measured in pairs, with its 95 % interval. Too
 * few openings have no interval: its bounds are NaN.
 *
 * <p>Disturbances only ever add time. The faster half of the steps of either latency is compared,
 * and of several openings a trimmed mean is taken, which leaves out a share of the values at either
 * end (Wilcox, Introduction to Robust Estimation and Hypothesis Testing, section 3.3).
 *
 * @param percent positive if the first took longer
 */
public record Deviation(double percent, double low, double high) {
  private static final int RESAMPLES = 2000;

  /** Resamples of an interval that only decides whether to measure on. */
  private static final int FEW_RESAMPLES = 400;

  private static final double TAIL = 0.025;

  /** One of so many openings is left out at either end. */
  private static final int OPENINGS_PER_TRIMMED = 8;

  /** Number of openings from which they have an interval. */
  static final int MIN_OPENINGS = 4;

  /** The 0.975 quantile of the normal distribution. */
  private static final double NORMAL = 1.959964;

  /** The 0.975 quantiles of Student's t for 1 to 5 degrees of freedom. */
  private static final double[] STUDENT = {12.706, 4.303, 3.182, 2.776, 2.571};

  /**
   * Estimates the deviation from the rounds of one opening, with the interval of the percentile
   * bootstrap over rounds (Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13).
   *
   * @param first times of the steps of the first, round by round
   * @param second times of the second
   * @param steps number of steps of either in a round
   * @param seed seed of the resamples
   * @throws IllegalArgumentException if there are no rounds, or parts of rounds
   */
  static Deviation ofRounds(double[] first, double[] second, int steps, long seed) {
    return ofRounds(first, second, steps, seed, RESAMPLES);
  }

  /** Estimates the deviation with a coarser interval, in a fifth of the time. */
  static Deviation coarse(double[] first, double[] second, int steps, long seed) {
    return ofRounds(first, second, steps, seed, FEW_RESAMPLES);
  }

  private static Deviation ofRounds(
      double[] first, double[] second, int steps, long seed, int resamples) {
    if (first.length % steps != 0) {
      throw new IllegalArgumentException(
          "expected rounds of %d steps, got %d steps".formatted(steps, first.length));
    }
    double percent = percent(first, second);
    SplittableRandom random = new SplittableRandom(seed);
    double[] percents = new double[resamples];
    double[] firstSample = new double[first.length];
    double[] secondSample = new double[second.length];
    for (int r = 0; r < resamples; r++) {
      for (int i = 0; i < firstSample.length; i += steps) {
        int from = steps * random.nextInt(first.length / steps);
        System.arraycopy(first, from, firstSample, i, steps);
        System.arraycopy(second, from, secondSample, i, steps);
      }
      percents[r] = percent(firstSample, secondSample);
    }
    Arrays.sort(percents);
    return new Deviation(
        percent, percents[(int) (TAIL * resamples)], percents[(int) ((1 - TAIL) * resamples) - 1]);
  }

  /** Returns the deviation of the means of the faster half of the steps, in percent. */
  static double percent(double[] first, double[] second) {
    if (first.length == 0 || first.length != second.length) {
      throw new IllegalArgumentException(
          "expected as many steps of both, got %d and %d".formatted(first.length, second.length));
    }
    return 100 * (meanOfFasterHalf(first) / meanOfFasterHalf(second) - 1);
  }

  private static double meanOfFasterHalf(double[] times) {
    double[] sorted = times.clone();
    Arrays.sort(sorted);
    int half = (sorted.length + 1) / 2;
    return Arrays.stream(sorted, 0, half).sum() / half;
  }

  /**
   * Returns the deviation of two plans that were opened several times. Where the memory of a
   * decoder lies changes its speed by more than the noise of its steps, so an opening is one
   * observation. The deviation is the trimmed mean over the openings, and its interval is that of
   * Student's t with the variance of the Winsorized values (Tukey and McLaughlin 1963). What the
   * order of opening adds cancels in the mean and does not count as noise, for one degree of
   * freedom. It does not cancel in a single opening.
   *
   * @param percents deviation of each opening, at least one; the plan that is opened first
   *     alternates
   */
  static Deviation ofOpenings(double[] percents) {
    if (percents.length == 0) {
      throw new IllegalArgumentException("expected openings, got none");
    }
    double[] sorted = percents.length == 1 ? percents.clone() : withoutOrder(percents);
    Arrays.sort(sorted);
    int cut = sorted.length / OPENINGS_PER_TRIMMED;
    int kept = sorted.length - 2 * cut;
    double mean = trimmedMean(sorted, cut);
    if (percents.length < MIN_OPENINGS) {
      return new Deviation(mean, Double.NaN, Double.NaN);
    }
    int degrees = kept - 2; // one for the mean, one for the order
    double halfWidth =
        quantileOfT(degrees) * Math.sqrt(winsorizedSquares(sorted, cut) / kept / degrees);
    return new Deviation(mean, mean - halfWidth, mean + halfWidth);
  }

  /** Moves the values of either order to their common mean. */
  private static double[] withoutOrder(double[] percents) {
    double[] means = new double[2];
    for (int order = 0; order < 2; order++) {
      int parity = order;
      double[] some =
          IntStream.range(0, percents.length)
              .filter(i -> i % 2 == parity)
              .mapToDouble(i -> percents[i])
              .toArray();
      means[order] = trimmedMean(some, some.length / OPENINGS_PER_TRIMMED);
    }
    double[] moved = percents.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (means[0] + means[1]) / 2 - means[i % 2];
    }
    return moved;
  }

  /** Returns the squared distances from their mean, the outermost values replaced by the next. */
  private static double winsorizedSquares(double[] sorted, int cut) {
    double[] values = sorted.clone();
    Arrays.fill(values, 0, cut, sorted[cut]);
    Arrays.fill(values, sorted.length - cut, sorted.length, sorted[sorted.length - cut - 1]);
    double mean = Arrays.stream(values).sum() / values.length;
    return Arrays.stream(values).map(value -> Math.pow(value - mean, 2)).sum();
  }

  /** Returns the mean without the {@code cut} smallest and largest values. */
  private static double trimmedMean(double[] values, int cut) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return Arrays.stream(sorted, cut, sorted.length - cut).sum() / (sorted.length - 2 * cut);
  }

  /** Returns a quantile by the expansion of Abramowitz and Stegun, 26.7.5, or of the table. */
  private static double quantileOfT(int degrees) {
    if (degrees <= STUDENT.length) {
      return STUDENT[degrees - 1];
    }
    double cube = Math.pow(NORMAL, 3);
    double fifth = Math.pow(NORMAL, 5);
    return NORMAL
        + (cube + NORMAL) / (4 * degrees)
        + (5 * fifth + 16 * cube + 3 * NORMAL) / (96.0 * degrees * degrees);
  }

  /** Returns whether there were enough openings for an interval. */
  public boolean hasInterval() {
    return Double.isFinite(low) && Double.isFinite(high);
  }

  /** Returns half the width of the interval, in percent; NaN if there is none. */
  public double halfWidth() {
    return (high - low) / 2;
  }
}
