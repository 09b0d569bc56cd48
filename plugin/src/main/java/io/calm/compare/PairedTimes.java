package io.calm.compare;

import java.util.List;

/**
 * Times of the steps of one shape by two decoders, in milliseconds. A round is {@link #STEPS} steps
 * of each: two of a four in which the served plan has the outer steps, then two of one in which its
 * twin has them. Within a four they are in the order in which they ran.
 */
record PairedTimes(StepShape shape, List<Double> served, List<Double> uniform) {
  /** Steps of each decoder in a round. */
  static final int STEPS = 4;

  private static final int SEED = 11;

  PairedTimes {
    served = List.copyOf(served);
    uniform = List.copyOf(uniform);
  }

  /** Returns the deviation of the rounds, in percent. */
  double percent() {
    return Deviation.percent(array(served), array(uniform));
  }

  /** Returns the deviation of the rounds with its interval. */
  Deviation deviation() {
    return Deviation.ofRounds(array(served), array(uniform), STEPS, SEED);
  }

  /** Returns the deviation with a coarser interval, in a fifth of the time. */
  Deviation coarse() {
    return Deviation.coarse(array(served), array(uniform), STEPS, SEED);
  }

  private static double[] array(List<Double> millis) {
    return millis.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
