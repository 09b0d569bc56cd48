package io.calm.serving.djl;

import io.calm.search.Progress;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the progress of a load to the server's log: one line per phase, and one per block of the
 * search. A line has the time since the log began, all phases together.
 */
final class ProgressLog implements Consumer<Progress> {
  private static final Logger logger = LoggerFactory.getLogger(ProgressLog.class);
  private static final double NANOS_PER_SECOND = 1e9;

  private final String model;
  private final Consumer<Progress> next;
  private final LongSupplier nanoClock;
  private final long began;
  private String phase = "";
  private int block = -1;

  ProgressLog(String model, Consumer<Progress> next) {
    this(model, next, System::nanoTime);
  }

  ProgressLog(String model, Consumer<Progress> next, LongSupplier nanoClock) {
    this.model = model;
    this.next = next;
    this.nanoClock = nanoClock;
    this.began = nanoClock.getAsLong();
  }

  @Override
  public void accept(Progress moment) {
    next.accept(moment);
    int at = moment instanceof Progress.Searching searching ? searching.position().block() : -1;
    if (!moment.phase().equals(phase) || at != block) {
      phase = moment.phase();
      block = at;
      logger.info(
          "{}: {}", model, line(moment, (nanoClock.getAsLong() - began) / NANOS_PER_SECOND));
    }
  }

  static String line(Progress moment, double elapsedSeconds) {
    if (!(moment instanceof Progress.Searching searching)) {
      return "%s, after %.0f s".formatted(moment.phase(), elapsedSeconds);
    }
    String left =
        Double.isNaN(moment.etaSeconds())
            ? ""
            : String.format(Locale.ROOT, ", about %.0f s left", moment.etaSeconds());
    Progress.Position position = searching.position();
    return String.format(
        Locale.ROOT,
        "searching block %d of %d, %d evaluations, after %.0f s%s",
        Math.min(position.block() + 1, position.blocks()),
        position.blocks(),
        searching.scores().evaluations(),
        elapsedSeconds,
        left);
  }
}
