package io.calm.serving.djl;

import io.calm.search.Progress;
import java.util.Locale;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a load's progress to the server's log: a line a phase, and a line a block of the search.
 */
final class ProgressLog implements Consumer<Progress> {
  private static final Logger logger = LoggerFactory.getLogger(ProgressLog.class);

  private final String model;
  private final Consumer<Progress> next;
  private String phase = "";
  private int block = -1;

  ProgressLog(String model, Consumer<Progress> next) {
    this.model = model;
    this.next = next;
  }

  @Override
  public void accept(Progress moment) {
    next.accept(moment);
    int at = moment instanceof Progress.Searching searching ? searching.position().block() : -1;
    if (!moment.phase().equals(phase) || at != block) {
      phase = moment.phase();
      block = at;
      logger.info("{}: {}", model, line(moment));
    }
  }

  private static String line(Progress moment) {
    if (!(moment instanceof Progress.Searching searching)) {
      return "%s, after %.0f s".formatted(moment.phase(), moment.elapsedSeconds());
    }
    String left =
        Double.isNaN(moment.etaSeconds())
            ? ""
            : String.format(Locale.ROOT, ", about %.0f s left", moment.etaSeconds());
    Progress.Position position = searching.position();
    return String.format(
        Locale.ROOT,
        "searching block %d of %d, %d evaluations in %.0f s%s",
        Math.min(position.block() + 1, position.blocks()),
        position.blocks(),
        searching.scores().evaluations(),
        moment.elapsedSeconds(),
        left);
  }
}
