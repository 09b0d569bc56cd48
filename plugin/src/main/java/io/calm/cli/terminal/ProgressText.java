package io.calm.cli.terminal;

import io.calm.search.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Formats the progress of a load as a line of text. */
final class ProgressText {
  private static final int BAR = 24;

  /** Columns that a bar needs beside the longest count and both times. */
  private static final int COLUMNS_OF_BAR = 100;

  private ProgressText() {}

  /**
   * Returns one line that is shorter than {@code columns}: {@code searching block 3/30
   * [##----------------------] 8 % elapsed 0:12 ETA 2:31 awq last gptq 0.999871}. A terminal of
   * fewer than 100 columns gets no bar. The last words are left out of a line that is too long.
   *
   * @param elapsedSeconds since the work began, all phases together
   */
  static String bar(Progress moment, double elapsedSeconds, int columns) {
    List<String> words = words(moment, elapsedSeconds, columns >= COLUMNS_OF_BAR);
    while (words.size() > 1 && line(words).length() >= columns) {
      words.remove(words.size() - 1);
    }
    String text = line(words);
    return text.substring(0, Math.max(0, Math.min(text.length(), columns - 1)));
  }

  /** Returns the same line without the bar, for a log. */
  static String plain(Progress moment, double elapsedSeconds) {
    return line(words(moment, elapsedSeconds, false));
  }

  private static String line(List<String> words) {
    return String.join("  ", words);
  }

  /** Returns the words of a line, those that may be left out last. */
  private static List<String> words(Progress moment, double elapsedSeconds, boolean withBar) {
    List<String> words = new ArrayList<>();
    words.add(moment.phase());
    if (moment instanceof Progress.Sampling sampling) {
      double done = Math.min(1, (double) sampling.tokens() / sampling.total());
      addCount(words, "token", sampling.tokens() + 1, sampling.total(), done, withBar);
    } else if (moment instanceof Progress.BlockPhase phase) {
      Progress.Position position = phase.position();
      addCount(words, "block", position.block() + 1, position.blocks(), fraction(phase), withBar);
    }
    words.add("elapsed " + clock(elapsedSeconds));
    if (!Double.isNaN(moment.etaSeconds())) {
      words.add("ETA " + clock(moment.etaSeconds()));
    }
    addAlgorithms(words, moment);
    return words;
  }

  /** Adds the algorithm that is applied, and the last candidate with its score. */
  private static void addAlgorithms(List<String> words, Progress moment) {
    if (moment instanceof Progress.Sampling sampling) {
      words.add(sampling.algorithm());
    } else if (moment instanceof Progress.BlockPhase phase) {
      if (!phase.algorithm().isEmpty()) {
        words.add(phase.algorithm());
      }
      Progress.Scores scores = phase.scores();
      if (!Double.isNaN(scores.last())) {
        words.add(
            String.format(Locale.ROOT, "last %s %.6f", scores.lastAlgorithm(), scores.last()));
      }
    }
  }

  private static void addCount(
      List<String> words, String unit, int at, int total, double done, boolean withBar) {
    words.add("%s %d/%d".formatted(unit, Math.min(at, total), total));
    if (withBar) {
      int filled = (int) Math.round(done * BAR);
      words.add("[" + "#".repeat(filled) + "-".repeat(BAR - filled) + "]");
    }
    words.add("%d %%".formatted((int) Math.floor(done * 100)));
  }

  /** Returns the share of the work that is done, from 0 to 1. */
  private static double fraction(Progress.BlockPhase phase) {
    double done = phase.position().block();
    if (phase instanceof Progress.Searching searching) {
      done += fraction(searching.attempt());
    } else if (phase instanceof Progress.Measuring measuring) {
      done += fraction(measuring.attempt());
    }
    return Math.min(1, done / phase.position().blocks());
  }

  private static double fraction(Progress.Attempt attempt) {
    int pool = Math.max(1, attempt.pool());
    return Math.min(attempt.index(), pool) / (double) pool;
  }

  /** Returns {@code 2:31}, or {@code 1:02:31} from one hour on. */
  private static String clock(double seconds) {
    long whole = Math.round(seconds);
    return whole < 3600
        ? "%d:%02d".formatted(whole / 60, whole % 60)
        : "%d:%02d:%02d".formatted(whole / 3600, whole / 60 % 60, whole % 60);
  }
}
