package io.calm.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * The samples of one measure, one per round.
 *
 * @param samples at least one, in the order of the rounds
 */
public record Series(List<Double> samples) {
  public Series {
    samples = List.copyOf(samples);
    if (samples.isEmpty()) {
      throw new IllegalArgumentException("a series without samples");
    }
  }

  /** Returns the middle sample; of an even number the mean of the middle two. */
  public double median() {
    List<Double> sorted = samples.stream().sorted().toList();
    int half = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(half)
        : (sorted.get(half - 1) + sorted.get(half)) / 2;
  }

  public double min() {
    return samples.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
  }

  public double max() {
    return samples.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
  }

  /**
   * Returns the quotients of each round, which are least affected by a drift of the machine.
   *
   * @throws IllegalArgumentException if {@code other} has another number of rounds
   */
  public Series over(Series other) {
    if (other.samples.size() != samples.size()) {
      throw new IllegalArgumentException(
          "expected %d rounds, got %d".formatted(samples.size(), other.samples.size()));
    }
    List<Double> quotients = new ArrayList<>();
    for (int i = 0; i < samples.size(); i++) {
      quotients.add(samples.get(i) / other.samples.get(i));
    }
    return new Series(quotients);
  }

  /** Returns every sample times {@code factor}. */
  public Series times(double factor) {
    return new Series(samples.stream().map(sample -> sample * factor).toList());
  }
}
