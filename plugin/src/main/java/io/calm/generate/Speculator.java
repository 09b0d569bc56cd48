package io.calm.generate;

import java.util.List;

/**
 * The choice of how many predicted tokens a decode step verifies, for each of its sequences.
 *
 * <p>A step of more rows takes longer, so a row must be likely enough to save a step. Rows are
 * added in order of probability as long as that raises the expected number of tokens per unit of
 * time: with {@code E} expected tokens in {@code T}, the next row of probability {@code p} and time
 * {@code t} does if {@code p / t > E / T}; a margin covers the errors of the estimates. A text that
 * repeats nothing is therefore decoded as without speculation. Confined to the scheduler's thread.
 */
final class Speculator {
  /** Maximum number of decoding sequences; more of them fill the step themselves. */
  static final int MAX_SEQUENCES = 4;

  /** Maximum number of predicted tokens in a step. */
  static final int MAX_ROWS = SchedulerSettings.MAX_SCORED_ROWS / 2;

  /** Factor by which a row must be worth more than it costs. */
  private static final double MARGIN = 1.25;

  private final int maxPerSequence;
  private final StepCosts costs;
  private long proposed;
  private long accepted;

  /**
   * @param maxPerSequence maximum number of predicted tokens of a sequence in a step; 0 for none
   */
  Speculator(int maxPerSequence, StepCosts costs) {
    this.maxPerSequence = maxPerSequence;
    this.costs = costs;
  }

  /** Returns the time before a step, for {@link #measured}. */
  long now() {
    return costs.now();
  }

  /** Adds the time of a step that has just ended, if it is one that {@link #plan} decides on. */
  void measured(List<ScheduledChunk> step, long start) {
    if (step.size() <= MAX_SEQUENCES
        && step.stream().allMatch(ScheduledChunk.Decode.class::isInstance)) {
      costs.measured(
          step.stream().mapToInt(scheduled -> scheduled.chunk().tokens().length).sum(), start);
    }
  }

  /**
   * Returns the number of predicted tokens to verify of each sequence.
   *
   * @param decoding the decoding sequences of the next step
   * @param budget maximum number of predicted tokens of all of them
   */
  int[] plan(List<ActiveSequence> decoding, int budget) {
    int[] counts = new int[decoding.size()];
    if (maxPerSequence == 0 || decoding.size() > MAX_SEQUENCES) {
      return counts;
    }
    double[] next = new double[counts.length];
    int[] limits = new int[counts.length];
    for (int i = 0; i < counts.length; i++) {
      limits[i] = decoding.get(i).predictable(maxPerSequence);
      next[i] = limits[i] == 0 ? 0 : decoding.get(i).probability(0);
    }
    int rows = counts.length;
    double expected = rows;
    for (int left = Math.min(budget, MAX_ROWS); left > 0; left--) {
      int best = best(next);
      if (best < 0 || next[best] * costs.of(rows) <= MARGIN * costs.slope() * expected) {
        break;
      }
      expected += next[best];
      rows++;
      counts[best]++;
      next[best] *= counts[best] < limits[best] ? decoding.get(best).probability(counts[best]) : 0;
    }
    return counts;
  }

  /** Returns the index of the largest value; -1 if none is positive. */
  private static int best(double[] values) {
    int best = -1;
    for (int i = 0; i < values.length; i++) {
      if (values[i] > 0 && (best < 0 || values[i] > values[best])) {
        best = i;
      }
    }
    return best;
  }

  /** Counts predicted tokens that were verified. */
  void verified(int count, int right) {
    proposed += count;
    accepted += right;
  }

  long proposed() {
    return proposed;
  }

  long accepted() {
    return accepted;
  }
}
