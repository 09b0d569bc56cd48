package io.calm.compare;

import java.util.List;

/**
 * Times of the steps of one shape by two decoders, in milliseconds, in the order in which they ran.
 * A round is {@link #STEPS} steps of each.
 */
record PairedTimes(StepShape shape, List<Double> served, List<Double> uniform) {
  /** Steps of each decoder in a round. */
  static final int STEPS = 4;

  private static final int SEED = 11;

  PairedTimes {
    served = List.copyOf(served);
    uniform = List.copyOf(uniform);
  }

  /** Returns the deviation of the rounds. */
  Deviation deviation() {
    return Deviation.of(means(served), means(uniform), SEED);
  }

  /** Returns the deviation with a coarser interval, in a tenth of the time. */
  Deviation coarse() {
    return Deviation.coarse(means(served), means(uniform), SEED);
  }

  /** Returns the mean step of each round. */
  private static double[] means(List<Double> millis) {
    double[] means = new double[millis.size() / STEPS];
    for (int i = 0; i < millis.size(); i++) {
      means[i / STEPS] += millis.get(i) / STEPS;
    }
    return means;
  }
}
