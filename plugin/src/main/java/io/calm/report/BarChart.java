package io.calm.report;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** A drawing of the impact of each block: one bar per block with its standard error. */
final class BarChart {
  private static final int LEFT = 56;
  private static final int TOP = 10;
  private static final int HEIGHT = 150;
  private static final int BOTTOM = 26;
  private static final int GRID = 720;

  private final List<Report.Impact> blocks;
  private final HtmlWriter to;
  private final int step;
  private final double top;

  private BarChart(Report.Sensitivity sensitivity, HtmlWriter to) {
    this.blocks = sensitivity.blocks();
    this.to = to;
    this.step = Math.max(14, Math.min(40, (GRID - LEFT) / Math.max(1, blocks.size())));
    this.top =
        nice(
            blocks.stream()
                .flatMap(block -> shown(block).stream())
                .mapToDouble(
                    value ->
                        1000
                            * (value.mean()
                                + (Double.isFinite(value.standardError())
                                    ? value.standardError()
                                    : 0)))
                .filter(Double::isFinite)
                .max()
                .orElse(1));
  }

  static void write(Report.Sensitivity sensitivity, HtmlWriter to) {
    new BarChart(sensitivity, to).draw();
  }

  /** Returns the impact of the served algorithm, or of the best one if that was not measured. */
  private static Optional<MeasuredValue> shown(Report.Impact impact) {
    return impact
        .served()
        .or(
            () ->
                impact.algorithms().values().stream()
                    .min((a, b) -> Double.compare(a.mean(), b.mean())));
  }

  /** Returns the next of 1, 1.5, 2, 3, 5, 7.5, 10, ... times a power of ten. */
  private static double nice(double value) {
    double power = Math.pow(10, Math.floor(Math.log10(Math.max(value, 1e-9))));
    for (double factor : new double[] {1, 1.5, 2, 3, 5, 7.5}) {
      if (value <= factor * power) {
        return factor * power;
      }
    }
    return 10 * power;
  }

  private double y(double millinats) {
    return TOP + HEIGHT - HEIGHT * Math.max(0, Math.min(top, millinats)) / top;
  }

  private void draw() {
    int width = Math.max(LEFT + blocks.size() * step + 8, 320);
    int height = TOP + HEIGHT + BOTTOM;
    String label = "KL divergence of each block alone, in millinats per token";
    Drawing drawing = Drawing.start(to, "bars", label, description(), width, height);
    for (int line = 0; line <= 2; line++) {
      double value = top * line / 2;
      to.empty(
          "line", "class", "grid", "x1", LEFT, "x2", width - 8, "y1", y(value), "y2", y(value));
      to.element(
          "text",
          Numbers.text(top < 1 ? "%.2f" : "%.1f", value),
          "class",
          "tick",
          "x",
          LEFT - 6,
          "y",
          y(value) + 4,
          "text-anchor",
          "end");
    }
    for (int i = 0; i < blocks.size(); i++) {
      bar(i);
    }
    drawing.end(label);
  }

  private void bar(int index) {
    Report.Impact impact = blocks.get(index);
    double x = LEFT + index * step + 1;
    shown(impact)
        .filter(value -> Double.isFinite(value.mean()))
        .ifPresent(value -> bar(x, impact, value));
    if (blocks.size() <= 12 || index % 5 == 0) {
      to.element(
          "text",
          Integer.toString(impact.block()),
          "class",
          "tick",
          "x",
          x + step / 2.0 - 1,
          "y",
          TOP + HEIGHT + 16,
          "text-anchor",
          "middle");
    }
  }

  private void bar(double x, Report.Impact impact, MeasuredValue value) {
    double mean = 1000 * value.mean();
    to.start("g");
    to.element("title", words(impact, value));
    to.empty(
        "rect",
        "class",
        "bar",
        "x",
        x,
        "y",
        y(mean),
        "width",
        step - 3,
        "height",
        TOP + HEIGHT - y(mean));
    if (Double.isFinite(value.standardError())) {
      double error = 1000 * value.standardError();
      double middle = x + (step - 3) / 2.0;
      to.empty(
          "line",
          "class",
          "whisker",
          "x1",
          middle,
          "x2",
          middle,
          "y1",
          y(mean - error),
          "y2",
          y(mean + error));
    }
    to.end();
  }

  private static String words(Report.Impact impact, MeasuredValue value) {
    return String.format(
        Locale.ROOT, "block %d: %.3f millinats", impact.block(), 1000 * value.mean());
  }

  private String description() {
    return blocks.stream()
        .flatMap(
            impact -> shown(impact).stream().map(value -> Map.entry(impact.block(), value.mean())))
        .max(Map.Entry.comparingByValue())
        .map(
            most ->
                String.format(
                    Locale.ROOT,
                    "The most sensitive block is %d with %.3f millinats per token.",
                    most.getKey(),
                    1000 * most.getValue()))
        .orElse("No block was measured.");
  }
}
