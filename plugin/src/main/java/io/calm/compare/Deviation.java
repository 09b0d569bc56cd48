package io.calm.compare;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The relative difference of two latencies that were measured in pairs: the median of the pairs'
 * differences, with its 95 % interval by the percentile bootstrap (Efron and Tibshirani, An
 * Introduction to the Bootstrap, chapter 13). It is a median because disturbances only ever add
 * time.
 *
 * @param percent positive if the first took longer
 */
public record Deviation(double percent, double low, double high) {
  private static final int RESAMPLES = 4000;

  /** Resamples of an interval that only decides whether to measure on. */
  private static final int FEW_RESAMPLES = 400;

  private static final double TAIL = 0.025;

  /** The 0.975 quantiles of Student's t for 1 to 10 degrees of freedom. */
  private static final double[] STUDENT = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228
  };

  /**
   * Estimates the deviation.
   *
   * @param first times of the first, one per pair
   * @param second times of the second
   * @param seed seed of the resamples
   * @throws IllegalArgumentException if there are no pairs
   */
  public static Deviation of(double[] first, double[] second, long seed) {
    return of(first, second, seed, RESAMPLES);
  }

  /** Estimates the deviation with a coarser interval, in a tenth of the time. */
  static Deviation coarse(double[] first, double[] second, long seed) {
    return of(first, second, seed, FEW_RESAMPLES);
  }

  private static Deviation of(double[] first, double[] second, long seed, int resamples) {
    if (first.length == 0 || first.length != second.length) {
      throw new IllegalArgumentException(
          "expected pairs of times, got %d and %d".formatted(first.length, second.length));
    }
    double[] percents = new double[first.length];
    for (int i = 0; i < percents.length; i++) {
      percents[i] = 100 * (first[i] / second[i] - 1);
    }
    SplittableRandom random = new SplittableRandom(seed);
    double[] medians = new double[resamples];
    double[] resample = new double[percents.length];
    for (int r = 0; r < resamples; r++) {
      for (int i = 0; i < resample.length; i++) {
        resample[i] = percents[random.nextInt(percents.length)];
      }
      medians[r] = median(resample);
    }
    Arrays.sort(medians);
    return new Deviation(
        median(percents),
        medians[(int) (TAIL * resamples)],
        medians[(int) ((1 - TAIL) * resamples) - 1]);
  }

  /**
   * Returns the deviation of two plans that were opened several times. Where the memory of a
   * decoder lies changes its speed by more than the noise of its steps, so an opening is one
   * observation: the deviation is the mean over the openings, and its interval is that of Student's
   * t. The one opening of a single measurement keeps its own interval, which does not cover the
   * memory.
   */
  static Deviation ofOpenings(List<Deviation> openings) {
    if (openings.size() == 1) {
      return openings.get(0);
    }
    int count = openings.size();
    double mean = openings.stream().mapToDouble(Deviation::percent).sum() / count;
    double squares = openings.stream().mapToDouble(d -> Math.pow(d.percent() - mean, 2)).sum();
    double halfWidth = quantileOfT(count - 1) * Math.sqrt(squares / (count - 1) / count);
    return new Deviation(mean, mean - halfWidth, mean + halfWidth);
  }

  private static double quantileOfT(int degrees) {
    return degrees <= STUDENT.length ? STUDENT[degrees - 1] : STUDENT[STUDENT.length - 1];
  }

  /** Returns half the width of the interval, in percent. */
  public double halfWidth() {
    return (high - low) / 2;
  }

  /** Returns the middle value; of an even number the mean of the middle two. */
  static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int half = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
  }
}
