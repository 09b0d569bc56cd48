package io.calm.compare;

import io.calm.compare.StepShape.Phase;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;

/**
 * The step times of a served plan and of its uniform twin, for one kind of step.
 *
 * @param sequences number of sequences in a step
 * @param steps number of steps of each plan
 * @param openings number of times that both plans were opened for these steps
 * @param served times of the served plan, in milliseconds
 * @param uniform times of the uniform twin, in milliseconds
 * @param deviation of the served plan from the twin; positive if the served plan is slower
 */
public record ProbeRow(
    Phase phase,
    int sequences,
    int steps,
    int openings,
    Quantiles served,
    Quantiles uniform,
    Deviation deviation) {
  /**
   * Returns the row of one shape. Its interval is that of the openings: where the memory of a
   * decoder lies changes its speed by more than the noise of the rounds of an opening.
   *
   * @param openings the times of each opening, at least one
   */
  static ProbeRow of(List<PairedTimes> openings) {
    return of(
        openings,
        Deviation.ofOpenings(openings.stream().mapToDouble(PairedTimes::percent).toArray()));
  }

  /** Returns the row of a single opening, with the interval of its rounds. */
  static ProbeRow ofRounds(PairedTimes opening) {
    return of(List.of(opening), opening.deviation());
  }

  private static ProbeRow of(List<PairedTimes> openings, Deviation deviation) {
    StepShape shape = openings.get(0).shape();
    double[] served = all(openings, PairedTimes::served);
    return new ProbeRow(
        shape.phase(),
        shape.sequences(),
        served.length,
        openings.size(),
        Quantiles.of(served),
        Quantiles.of(all(openings, PairedTimes::uniform)),
        deviation);
  }

  private static double[] all(
      List<PairedTimes> openings, Function<PairedTimes, List<Double>> side) {
    return openings.stream()
        .map(side)
        .flatMap(Collection::stream)
        .mapToDouble(Double::doubleValue)
        .toArray();
  }
}
