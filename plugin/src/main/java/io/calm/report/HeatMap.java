package io.calm.report;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * A drawing of every candidate's loss: one column per block, one row per algorithm, the loss as the
 * depth of the colour on a logarithmic scale. A dot marks the algorithm that serves a block, a ring
 * the choice of a mix that the guard rejected, a cross a failure.
 */
final class HeatMap {
  private static final int LEVELS = 8;
  private static final int HEIGHT = 26;
  private static final int GAP = 2;
  private static final int TOP = 4;
  private static final int CHARACTER = 8;
  private static final int GRID = 720;

  private final Report report;
  private final List<String> algorithms;
  private final HtmlWriter to;
  private final int left;
  private final int cell;
  private final double smallest;
  private final double largest;

  private HeatMap(Report report, List<String> algorithms, HtmlWriter to) {
    this.report = report;
    this.algorithms = algorithms;
    this.to = to;
    int longest = algorithms.stream().mapToInt(String::length).max().orElse(0);
    this.left = CHARACTER * Math.min(24, longest) + CHARACTER;
    this.cell = Math.max(14, Math.min(40, (GRID - left) / Math.max(1, report.blocks().size())));
    List<Double> losses =
        report.blocks().stream()
            .flatMap(block -> block.candidates().values().stream())
            .map(Report.Candidate::loss)
            .filter(loss -> loss > 0 && Double.isFinite(loss))
            .toList();
    this.smallest = losses.stream().mapToDouble(d -> d).min().orElse(1);
    this.largest = losses.stream().mapToDouble(d -> d).max().orElse(1);
  }

  static void write(Report report, List<String> algorithms, HtmlWriter to) {
    new HeatMap(report, algorithms, to).draw();
  }

  private void draw() {
    int width = Math.max(left + report.blocks().size() * cell + 8, left + 320);
    int height = TOP + algorithms.size() * HEIGHT + 68;
    String label = "Loss of each algorithm on each block";
    Drawing drawing = Drawing.start(to, "heat", label, description(), width, height);
    for (int row = 0; row < algorithms.size(); row++) {
      to.element("text", algorithms.get(row), "class", "label", "x", 0, "y", y(row) + 17);
      for (int column = 0; column < report.blocks().size(); column++) {
        cell(row, column);
      }
    }
    axis();
    legend(height - 14);
    drawing.end();
  }

  private static int y(int row) {
    return TOP + row * HEIGHT;
  }

  private void cell(int row, int column) {
    String name = algorithms.get(row);
    Report.Block block = report.blocks().get(column);
    Report.Candidate candidate = block.candidates().get(name);
    if (candidate == null) {
      return;
    }
    int x = left + column * cell;
    to.start("g");
    to.element("title", words(block, name, candidate));
    boolean failed = candidate.failure().isPresent();
    to.empty(
        "rect",
        "class",
        failed ? "cell failed" : "cell h" + level(candidate.loss()),
        "x",
        x,
        "y",
        y(row),
        "width",
        cell - GAP,
        "height",
        HEIGHT - GAP,
        "rx",
        2);
    double middleX = x + (cell - GAP) / 2.0;
    double middleY = y(row) + (HEIGHT - GAP) / 2.0;
    if (failed) {
      to.element(
          "text", "×", "class", "cross", "x", middleX, "y", middleY + 5, "text-anchor", "middle");
    } else if (block.serves(name)) {
      to.empty("circle", "class", "dot", "cx", middleX, "cy", middleY, "r", 4);
    } else if (block.chose(name)) {
      to.empty("circle", "class", "ring", "cx", middleX, "cy", middleY, "r", 4);
    }
    to.end();
  }

  private int level(double loss) {
    if (!(loss > 0) || !(largest > smallest)) {
      return 0;
    }
    double place = Math.log(loss / smallest) / Math.log(largest / smallest);
    return (int) Math.max(0, Math.min(LEVELS - 1, Math.floor(place * LEVELS)));
  }

  private static String words(Report.Block block, String name, Report.Candidate candidate) {
    String result =
        candidate
            .failure()
            .map(failure -> "failed: " + failure)
            .orElseGet(
                () ->
                    String.format(
                        Locale.ROOT,
                        "score %.6f, relative error %.2e",
                        candidate.score(),
                        candidate.relativeMse()));
    return "block %d, %s: %s%s"
        .formatted(block.block(), name, result, block.serves(name) ? ", served" : "");
  }

  private void axis() {
    int every = report.blocks().size() <= 12 ? 1 : 5;
    int y = TOP + algorithms.size() * HEIGHT + 14;
    for (int column = 0; column < report.blocks().size(); column += every) {
      to.element(
          "text",
          Integer.toString(report.blocks().get(column).block()),
          "class",
          "tick",
          "x",
          left + column * cell + (cell - GAP) / 2.0,
          "y",
          y,
          "text-anchor",
          "middle");
    }
    to.element(
        "text", "block", "class", "tick", "x", left - CHARACTER, "y", y, "text-anchor", "end");
  }

  private void legend(int y) {
    to.element(
        "text", "loss", "class", "tick", "x", left - CHARACTER, "y", y, "text-anchor", "end");
    String low = String.format(Locale.ROOT, "%.1e", smallest);
    to.element("text", low, "class", "tick", "x", left, "y", y);
    int x = left + 8 * CHARACTER;
    for (int level = 0; level < LEVELS; level++) {
      to.empty(
          "rect",
          "class",
          "cell h" + level,
          "x",
          x + level * 16,
          "y",
          y - 11,
          "width",
          15,
          "height",
          13);
    }
    String high = String.format(Locale.ROOT, "%.1e", largest);
    to.element("text", high, "class", "tick", "x", x + LEVELS * 16 + 8, "y", y);
  }

  /** Returns the choices in words: for every algorithm that serves, its blocks. */
  private String description() {
    return algorithms.stream()
        .map(
            name -> {
              List<String> blocks =
                  report.blocks().stream()
                      .filter(block -> block.serves(name))
                      .map(block -> Integer.toString(block.block()))
                      .toList();
              return blocks.isEmpty()
                  ? name + " serves no block"
                  : "%s serves %s (%s)"
                      .formatted(
                          name,
                          ReportHtml.blocks(blocks.size()),
                          blocks.stream().collect(Collectors.joining(", ")));
            })
        .collect(Collectors.joining("; "));
  }
}
