package io.calm.cli.terminal;

import io.calm.search.SearchProgress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Formats the progress of a search as text. */
final class ProgressText {
  private static final int BAR = 24;

  private ProgressText() {}

  /**
   * Returns one line with a bar, cut to {@code columns}: {@code searching block 3/30
   * [##----------------------] 8 % awq score 0.999871 ETA 2:31}.
   */
  static String bar(SearchProgress moment, int columns) {
    String text = line(moment, true);
    return text.length() < columns ? text : text.substring(0, Math.max(0, columns - 1));
  }

  /** Returns the same line without the bar, for a log. */
  static String plain(SearchProgress moment) {
    return line(moment, false);
  }

  private static String line(SearchProgress moment, boolean withBar) {
    List<String> words = new ArrayList<>();
    words.add(moment.phase());
    if (moment.layers() > 0) {
      double done = fraction(moment);
      words.add(
          "%s %d/%d"
              .formatted(
                  moment.phase().equals("sampling") ? "token" : "block",
                  Math.min(moment.block() + 1, moment.layers()),
                  moment.layers()));
      if (withBar) {
        int filled = (int) Math.round(done * BAR);
        words.add("[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "]");
      }
      words.add("%d %%".formatted((int) Math.floor(done * 100)));
    }
    if (!moment.algorithm().isEmpty()) {
      words.add(moment.algorithm());
    }
    if (!Double.isNaN(moment.lastScore())) {
      words.add(String.format(Locale.ROOT, "score %.6f", moment.lastScore()));
    }
    words.add("elapsed " + clock(moment.elapsedSeconds()));
    if (!Double.isNaN(moment.etaSeconds())) {
      words.add("ETA " + clock(moment.etaSeconds()));
    }
    return String.join("  ", words);
  }

  /** Returns the finished fraction of the candidates, 0 to 1. */
  private static double fraction(SearchProgress moment) {
    int pool = Math.max(1, moment.pool());
    double candidates = (double) moment.block() * pool + Math.min(moment.candidate(), pool);
    return Math.min(1, candidates / ((double) moment.layers() * pool));
  }

  /** Returns {@code 2:31}, or {@code 1:02:31} from one hour on. */
  private static String clock(double seconds) {
    long whole = Math.round(seconds);
    return whole < 3600
        ? "%d:%02d".formatted(whole / 60, whole % 60)
        : "%d:%02d:%02d".formatted(whole / 3600, whole / 60 % 60, whole % 60);
  }
}
