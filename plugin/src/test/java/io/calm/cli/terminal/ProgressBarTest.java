package io.calm.cli.terminal;

import static java.util.concurrent.TimeUnit.SECONDS;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.search.Progress;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ProgressBarTest {
  private final AtomicLong clock = new AtomicLong();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final PrintStream err = new PrintStream(written, true, StandardCharsets.UTF_8);

  @Test
  void aMomentTellsBlockAlgorithmScoreAndTimeLeft() {
    assertEquals(
        "searching  block 3/30  [##----------------------]  8 %  elapsed 0:12  ETA 2:31"
            + "  awq  last gptq 0.999871",
        ProgressText.bar(moment(2, 2, "awq", 0.9998712, 151.2), 12, 200));
  }

  @Test
  void valuesThatAreNotKnownAreLeftOut() {
    assertEquals(
        "opening  elapsed 0:02", ProgressText.plain(new Progress.Step(Progress.Kind.OPENING), 1.6));
    assertEquals(
        "searching  block 1/30  0 %  elapsed 0:12  rtn",
        ProgressText.plain(moment(0, 0, "rtn", Double.NaN, Double.NaN), 12));
  }

  @Test
  void samplingCountsTokens() {
    assertEquals(
        "sampling  token 65/256  [######------------------]  25 %  elapsed 0:10  ETA 0:30  rtn",
        ProgressText.bar(new Progress.Sampling(64, 256, "rtn", 30), 10, 200));
  }

  @Test
  void theBarOfATableMovesWithinABlock() {
    Progress moment =
        new Progress.Measuring(
            new Progress.Position(1, 2),
            new Progress.Attempt("gptq", 1, 4),
            new Progress.Scores(4, Double.NaN, ""),
            20);
    assertEquals(
        "sensitivity  block 2/2  [###############---------]  62 %  elapsed 0:12  ETA 0:20  gptq",
        ProgressText.bar(moment, 12, 200));
  }

  @Test
  void theEndIsFullAndHoursAreShown() {
    String text = ProgressText.bar(moment(30, 0, "", 0.5, 3751), 12, 200);
    assertTrue(text.contains("block 30/30  [########################]  100 %"), text);
    assertTrue(text.contains("ETA 1:02:31"), text);
  }

  @Test
  void aLineNeverWrapsOnTheTerminal() {
    for (int columns = 1; columns < 120; columns++) {
      String text = ProgressText.bar(moment(2, 2, "smoothquant", 0.9, 151), 12, columns);
      assertTrue(text.length() < columns, text);
    }
  }

  @Test
  void aNarrowTerminalShowsTheTimesAndNoBar() {
    Progress moment = moment(2, 2, "awq", 0.9998712, 3751);
    String whole = "searching  block 3/30  8 %  elapsed 0:12  ETA 1:02:31  awq  last gptq 0.999871";
    assertEquals(whole, ProgressText.bar(moment, 12, 80));
    assertEquals(
        "searching  block 3/30  8 %  elapsed 0:12  ETA 1:02:31  awq",
        ProgressText.bar(moment, 12, whole.length()));
  }

  @Test
  void theWidthAloneDecidesAboutTheBar() {
    List<Progress> moments =
        List.of(
            moment(0, 0, "rtn", Double.NaN, Double.NaN),
            moment(2, 2, "awq", 0.9998712, 151),
            moment(29, 3, "smoothquant", 0.9, 3751),
            new Progress.Sampling(131_071, 131_072, "rtn", 3751));
    for (int columns = 60; columns < 150; columns++) {
      for (Progress moment : moments) {
        String text = ProgressText.bar(moment, 3600, columns);
        assertEquals(columns >= 100, text.contains("["), columns + ": " + text);
        assertTrue(text.contains("elapsed 1:00:00"), columns + ": " + text);
      }
    }
  }

  @Test
  void withoutATerminalEachBlockIsOneLine() {
    try (ProgressBar bar = ProgressBar.open(err, 0, clock::get)) {
      clock.set(SECONDS.toNanos(72));
      bar.accept(moment(0, 0, "rtn", Double.NaN, Double.NaN));
      clock.set(SECONDS.toNanos(75));
      bar.accept(moment(0, 1, "gptq", 0.9, 60));
      bar.accept(moment(1, 0, "rtn", 0.95, 50));
    }
    assertEquals(
        """
        searching  block 1/30  0 %  elapsed 1:12  rtn
        searching  block 2/30  3 %  elapsed 1:15  ETA 0:50  rtn  last gptq 0.950000
        """,
        written());
  }

  @Test
  void logLinesStandAboveTheBarAndTheBarGoesAway() {
    try (ProgressBar bar = ProgressBar.open(err, 40, clock::get)) {
      bar.accept(new Progress.Step(Progress.Kind.OPENING));
      System.err.println("a log line");
    }
    assertEquals(
        "opening  elapsed 0:00" + "\r\033[Ka log line\n" + "opening  elapsed 0:00" + "\r\033[K",
        written());
  }

  @Test
  void theStreamIsGivenBack() {
    PrintStream before = System.err;
    try (ProgressBar bar = ProgressBar.open(err, 40, clock::get)) {
      assertNotSame(before, System.err);
      bar.accept(new Progress.Step(Progress.Kind.OPENING));
    }
    assertSame(before, System.err);
  }

  private static Progress moment(
      int block, int candidate, String algorithm, double score, double eta) {
    return new Progress.Searching(
        new Progress.Position(block, 30),
        new Progress.Attempt(algorithm, candidate, 4),
        new Progress.Scores(block * 4 + candidate, score, Double.isNaN(score) ? "" : "gptq"),
        eta); // of the phase, unlike what is shown
  }

  private String written() {
    return written.toString(StandardCharsets.UTF_8).replace(System.lineSeparator(), "\n");
  }
}
