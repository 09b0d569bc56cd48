package io.calm.metrics;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * The time that the loads of a model have spent in each phase, and the candidates that their
 * searches have scored. Written by the load, read by scrapes. Thread safe.
 */
public final class LoadMeter {
  private static final double NANOS_PER_SECOND = 1e9;

  private final LongSupplier clock;
  private final Map<String, Double> seconds = new TreeMap<>();
  private Optional<String> phase = Optional.empty();
  private long since;
  private long evaluations;
  private int reported;

  LoadMeter(LongSupplier clock) {
    this.clock = clock;
  }

  /** The totals at one moment; {@code phase} is the current one, if the load reports any. */
  record Totals(Optional<String> phase, Map<String, Double> seconds, long evaluations) {}

  /**
   * Records a report of the load.
   *
   * @param name name of the phase, e.g. {@code searching}
   * @param scored candidates that this load has scored so far
   */
  public synchronized void report(String name, int scored) {
    charge();
    phase = Optional.of(name);
    if (scored > reported) {
      evaluations += scored - reported;
      reported = scored;
    }
  }

  /** Ends the current phase. A later report begins another one. */
  public synchronized void end() {
    charge();
    phase = Optional.empty();
    reported = 0;
  }

  synchronized Totals totals() {
    charge();
    return new Totals(phase, new TreeMap<>(seconds), evaluations);
  }

  private void charge() {
    long now = clock.getAsLong();
    phase.ifPresent(
        current -> seconds.merge(current, (now - since) / NANOS_PER_SECOND, Double::sum));
    since = now;
  }
}
