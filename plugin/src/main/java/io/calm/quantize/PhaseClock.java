package io.calm.quantize;

import io.calm.artifact.SearchPhases;
import io.calm.search.Progress;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * A progress listener that measures the time of each phase and passes the progress on. Not thread
 * safe.
 */
final class PhaseClock implements Consumer<Progress> {
  /** Phase before the first report of progress. */
  private static final String START = "preparing";

  private final Consumer<Progress> listener;
  private final LongSupplier nanoClock;
  private final Map<String, Double> seconds = new LinkedHashMap<>();
  private String phase = START;
  private long since;

  /**
   * Starts the clock.
   *
   * @param nanoClock as {@link System#nanoTime}
   */
  PhaseClock(Consumer<Progress> listener, LongSupplier nanoClock) {
    this.listener = listener;
    this.nanoClock = nanoClock;
    this.since = nanoClock.getAsLong();
  }

  @Override
  public void accept(Progress progress) {
    advance(progress.phase());
    listener.accept(progress);
  }

  private void advance(String next) {
    long now = nanoClock.getAsLong();
    seconds.merge(phase, (now - since) / 1e9, Double::sum);
    phase = next;
    since = now;
  }

  /** Returns the times and the peak memory up to now. */
  SearchPhases phases() {
    advance(phase);
    return new SearchPhases(seconds, PeakMemory.bytes());
  }
}
