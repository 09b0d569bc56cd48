package io.calm.cli.eval;

import java.util.Arrays;

/**
 * A mean over independent observations and its standard error, sqrt(sum (x_i - mean)^2 / (n (n -
 * 1))).
 *
 * @param standardError NaN with fewer than two observations
 */
public record Estimate(double mean, double standardError) {
  /** Differences beyond this number of standard errors are called significant. */
  private static final double SIGNIFICANT = 2;

  /** The result of a paired comparison. */
  public enum Verdict {
    BETTER("better"),
    WORSE("worse"),
    NO_DIFFERENCE("no significant difference"),
    UNKNOWN("unknown: one observation");

    private final String words;

    Verdict(String words) {
      this.words = words;
    }

    @Override
    public String toString() {
      return words;
    }
  }

  /** Returns the mean of {@code values}, at least one. */
  public static Estimate of(double[] values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("mean: expected at least one observation, got none");
    }
    double mean = Arrays.stream(values).sum() / values.length;
    if (values.length < 2) {
      return new Estimate(mean, Double.NaN);
    }
    double squares = Arrays.stream(values).map(x -> (x - mean) * (x - mean)).sum();
    return new Estimate(mean, Math.sqrt(squares / values.length / (values.length - 1.0)));
  }

  /**
   * Returns the mean of the paired differences {@code left[i] - right[i]}.
   *
   * @throws IllegalArgumentException if the numbers of observations differ
   */
  public static Estimate ofDifferences(double[] left, double[] right) {
    if (left.length != right.length) {
      throw new IllegalArgumentException(
          "paired difference: expected the same observations, got %d and %d"
              .formatted(left.length, right.length));
    }
    double[] differences = left.clone();
    Arrays.setAll(differences, i -> left[i] - right[i]);
    return of(differences);
  }

  /** Returns the estimate of {@code factor} times the quantity. */
  public Estimate times(double factor) {
    return new Estimate(factor * mean, Math.abs(factor) * standardError);
  }

  /**
   * Judges a paired difference: better or worse beyond two standard errors.
   *
   * @param lowerIsBetter whether a negative difference is an improvement
   */
  public Verdict verdict(boolean lowerIsBetter) {
    if (Double.isNaN(standardError)) {
      return Verdict.UNKNOWN;
    }
    if (Math.abs(mean) <= SIGNIFICANT * standardError) {
      return Verdict.NO_DIFFERENCE;
    }
    return mean < 0 == lowerIsBetter ? Verdict.BETTER : Verdict.WORSE;
  }
}
