package io.calm.report;

import java.util.List;
import java.util.Locale;

/**
 * A drawing of the deviations with their 95 % intervals, the line of no deviation, and the target
 * as a band around it.
 */
final class IntervalPlot {
  private static final int LEFT = 150;
  private static final int WIDTH = 460;
  private static final int ROW = 28;
  private static final int TOP = 6;
  private static final int BOTTOM = 30;

  private final Report.Latency latency;
  private final HtmlWriter to;
  private final double most;

  private IntervalPlot(Report.Latency latency, HtmlWriter to) {
    this.latency = latency;
    this.to = to;
    double largest =
        latency.rows().stream()
            .flatMap(
                row ->
                    List.of(row.lowPercent(), row.highPercent(), row.deviationPercent()).stream())
            .mapToDouble(Math::abs)
            .filter(Double::isFinite)
            .max()
            .orElse(1);
    this.most = Math.max(Math.ceil(largest * 2) / 2, 2 * latency.targetPercent());
  }

  static void write(Report.Latency latency, HtmlWriter to) {
    new IntervalPlot(latency, to).draw();
  }

  private double x(double percent) {
    return LEFT + WIDTH * (percent + most) / (2 * most);
  }

  private void draw() {
    int width = LEFT + WIDTH + 24;
    int height = TOP + latency.rows().size() * ROW + BOTTOM;
    String label = "Deviation from the uniform plan in percent, with 95 % intervals";
    Drawing drawing = Drawing.start(to, "deviation", label, description(), width, height);
    int foot = height - BOTTOM;
    double target = latency.targetPercent();
    to.empty(
        "rect",
        "class",
        "band",
        "x",
        x(-target),
        "y",
        TOP,
        "width",
        x(target) - x(-target),
        "height",
        foot - TOP);
    for (double tick : new double[] {-most, -target, 0, target, most}) {
      to.empty("line", "class", "grid", "x1", x(tick), "x2", x(tick), "y1", TOP, "y2", foot);
      to.element(
          "text",
          Numbers.text(tick == 0 ? "%.0f" : "%+.1f", tick),
          "class",
          "tick",
          "x",
          x(tick),
          "y",
          foot + 16,
          "text-anchor",
          "middle");
    }
    for (int i = 0; i < latency.rows().size(); i++) {
      row(latency.rows().get(i), TOP + i * ROW + ROW / 2.0);
    }
    drawing.end(label + ". The band is the target.");
  }

  private void row(Report.LatencyRow row, double y) {
    String name = "%s, %d".formatted(row.phase(), row.sequences());
    to.element("text", name, "class", "label", "x", 0, "y", y + 4);
    if (!row.hasInterval()) {
      return;
    }
    to.empty(
        "line",
        "class",
        "whisker",
        "x1",
        x(row.lowPercent()),
        "x2",
        x(row.highPercent()),
        "y1",
        y,
        "y2",
        y);
    to.empty("circle", "class", "mean", "cx", x(row.deviationPercent()), "cy", y, "r", 5);
  }

  private String description() {
    StringBuilder words = new StringBuilder();
    for (Report.LatencyRow row : latency.rows()) {
      words.append(
          String.format(
              Locale.ROOT,
              "%s of %d: %+.2f %%, %s. ",
              row.phase(),
              row.sequences(),
              row.deviationPercent(),
              interval(row)));
    }
    return words.toString().strip();
  }

  private static String interval(Report.LatencyRow row) {
    return row.hasInterval()
        ? String.format(Locale.ROOT, "from %+.2f to %+.2f", row.lowPercent(), row.highPercent())
        : "with too few openings for an interval";
  }
}
