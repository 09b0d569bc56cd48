package io.calm.compare;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Options of a comparison.
 *
 * @param auto whether the probe runs by itself once the model has been idle for some time
 * @param share share of requests that the twin answers
 * @param idle time without requests before a probe that was not asked for
 * @param openings number of times that a probe opens both plans
 * @param limits limits of each kind of step in an opening
 * @param nanoClock clock of the steps, monotonic, in nanoseconds
 */
public record ComparisonOptions(
    boolean auto,
    double share,
    Duration idle,
    Openings openings,
    PairedSteps.Limits limits,
    LongSupplier nanoClock) {
  private static final Openings OPENINGS = new Openings(16, 24, 0.25);

  /**
   * A kind of steps takes 1.25 s per opening, 5 s if its steps are slow. The prompts before decodes
   * are not counted; they take 10 s per kind and opening at most.
   */
  private static final PairedSteps.Limits LIMITS =
      new PairedSteps.Limits(2, 500, Duration.ofMillis(1250), 0.1);

  /** Returns the options that operators can set, with the limits of serving. */
  public static ComparisonOptions serving(boolean auto, double share) {
    return new ComparisonOptions(
        auto, share, Duration.ofSeconds(10), OPENINGS, LIMITS, System::nanoTime);
  }
}
