package io.calm.metrics;

import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * The time that the loads of a model have spent in each phase, and the candidates that their
 * searches have scored. Written by the load, read by scrapes, which never make it wait. Thread
 * safe.
 */
public final class LoadMeter {
  private static final double NANOS_PER_SECOND = 1e9;

  private final LongSupplier clock;
  private volatile Moment last;

  LoadMeter(LongSupplier clock) {
    this.clock = clock;
    this.last = new Moment(clock.getAsLong(), 0, new Totals(Optional.empty(), Map.of(), 0));
  }

  /** The totals at one moment; {@code phase} is the current one, if the load reports any. */
  record Totals(Optional<String> phase, Map<String, Double> seconds, long evaluations) {
    Totals {
      seconds = Map.copyOf(seconds);
    }
  }

  /**
   * The state after a report.
   *
   * @param reported candidates that the current load has reported
   */
  private record Moment(long nanos, int reported, Totals totals) {
    /** Returns the seconds by phase, with the time since the report added to the current phase. */
    Map<String, Double> seconds(long now) {
      Map<String, Double> seconds = new TreeMap<>(totals.seconds());
      totals
          .phase()
          .ifPresent(phase -> seconds.merge(phase, (now - nanos) / NANOS_PER_SECOND, Double::sum));
      return seconds;
    }
  }

  /**
   * Records a report of the load.
   *
   * @param phase name of the phase, e.g. {@code searching}
   * @param scored candidates that this load has scored so far
   */
  public synchronized void report(String phase, int scored) {
    Moment before = last;
    int reported = Math.max(before.reported(), scored);
    long evaluations = before.totals().evaluations() + reported - before.reported();
    next(reported, Optional.of(phase), evaluations);
  }

  /** Ends the current phase. A later report begins another one. */
  public synchronized void end() {
    next(0, Optional.empty(), last.totals().evaluations());
  }

  private void next(int reported, Optional<String> phase, long evaluations) {
    long now = clock.getAsLong();
    last = new Moment(now, reported, new Totals(phase, last.seconds(now), evaluations));
  }

  Totals totals() {
    Moment moment = last;
    Totals totals = moment.totals();
    return new Totals(totals.phase(), moment.seconds(clock.getAsLong()), totals.evaluations());
  }
}
