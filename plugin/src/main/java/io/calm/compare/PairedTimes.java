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
    return Deviation.percent(ratios(0), ratios(STEPS / 2));
  }

  /** Returns the deviation of the rounds with its interval. */
  Deviation deviation() {
    return Deviation.ofRounds(ratios(0), ratios(STEPS / 2), SEED);
  }

  /** Returns the deviation with a coarser interval, in a tenth of the time. */
  Deviation coarse() {
    return Deviation.coarse(ratios(0), ratios(STEPS / 2), SEED);
  }

  /** Returns the logarithm of the ratio of the two plans' times, for a four of each round. */
  private double[] ratios(int from) {
    double[] ratios = new double[served.size() / STEPS];
    for (int round = 0; round < ratios.length; round++) {
      int first = round * STEPS + from;
      double ofServed = served.get(first) + served.get(first + 1);
      double ofUniform = uniform.get(first) + uniform.get(first + 1);
      ratios[round] = Math.log(ofServed / ofUniform);
    }
    return ratios;
  }
}
