package io.calm.serving.djl;

import io.calm.search.SearchProgress;
import java.util.Locale;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes the progress of a load to the server's log: one line per phase, and one per block of the
 * search.
 */
final class ProgressLog implements Consumer<SearchProgress> {
  private static final Logger logger = LoggerFactory.getLogger(ProgressLog.class);
  private static final String SEARCHING = "searching";

  private final String model;
  private final Consumer<SearchProgress> next;
  private String phase = "";
  private int block = -1;

  ProgressLog(String model, Consumer<SearchProgress> next) {
    this.model = model;
    this.next = next;
  }

  @Override
  public void accept(SearchProgress moment) {
    next.accept(moment);
    boolean another = !moment.phase().equals(phase);
    boolean blockDone = moment.phase().equals(SEARCHING) && moment.block() != block;
    if (another || blockDone) {
      phase = moment.phase();
      block = moment.block();
      logger.info("{}: {}", model, line(moment));
    }
  }

  private static String line(SearchProgress moment) {
    if (!moment.phase().equals(SEARCHING)) {
      return "%s, after %.0f s".formatted(moment.phase(), moment.elapsedSeconds());
    }
    String left =
        Double.isNaN(moment.etaSeconds())
            ? ""
            : String.format(Locale.ROOT, ", about %.0f s left", moment.etaSeconds());
    return String.format(
        Locale.ROOT,
        "searching block %d of %d, %d evaluations in %.0f s%s",
        Math.min(moment.block() + 1, moment.layers()),
        moment.layers(),
        moment.evaluations(),
        moment.elapsedSeconds(),
        left);
  }
}
