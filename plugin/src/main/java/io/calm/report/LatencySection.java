package io.calm.report;

import io.calm.kernels.BuildInfo;
import java.util.Optional;

/** The section about latency against the uniform plan. */
final class LatencySection {
  private final Report report;
  private final HtmlWriter to;

  LatencySection(Report report, HtmlWriter to) {
    this.report = report;
    this.to = to;
  }

  /** Returns the row that stands for the others: decoding one sequence. */
  static Optional<Report.LatencyRow> headline(Report.Latency latency) {
    return latency.rows().stream()
        .filter(row -> row.phase().equals("decode") && row.sequences() == 1)
        .findFirst();
  }

  void write() {
    to.start("section").element("h2", "Latency against uniform");
    report.latency().ifPresent(this::rows);
    ReportHtml.missing(report, "latency", to);
    to.end();
  }

  private void rows(Report.Latency latency) {
    to.element(
        "p",
        "%s against %s, paired steps on the same tokens. Positive: the served plan is slower."
                .formatted(latency.variant(), latency.baseline())
            + (latency.identical()
                ? " Both have the same blocks, so this compares the artifact with itself."
                : ""));
    if (!latency.rows().isEmpty()) {
      IntervalPlot.write(latency, to);
    }
    Table table =
        new Table(
            to,
            "Milliseconds per step, and the deviation with its 95 % interval",
            "Step",
            "#Sequences",
            "#Openings",
            "#Served, mean",
            "#Uniform, mean",
            "#Served, p99",
            "#Uniform, p99",
            "#Deviation, %",
            "#95 % interval");
    for (Report.LatencyRow row : latency.rows()) {
      table
          .row(row.phase())
          .number(cell -> Numbers.count(cell, row.sequences()))
          .number(cell -> Numbers.count(cell, row.openings()))
          .number("%.3f", row.servedMeanMs())
          .number("%.3f", row.uniformMeanMs())
          .number("%.3f", row.servedP99Ms())
          .number("%.3f", row.uniformP99Ms())
          .number("%+.2f", row.deviationPercent())
          .number(
              cell -> {
                Numbers.write(cell, "%+.2f", row.lowPercent());
                if (row.hasInterval()) {
                  cell.text(" to ");
                  Numbers.write(cell, "%+.2f", row.highPercent());
                }
              });
    }
    table.end();
    to.element(
        "p",
        "Target: less than %s %% in either direction. Measured on %s with CALM %s and %d threads: %s."
            .formatted(
                Numbers.text("%.1f", latency.targetPercent()),
                ReportHtml.date(latency.finished()),
                OriginSections.build(new BuildInfo(latency.version(), latency.commit())),
                latency.threads(),
                OriginSections.machine(latency.machine())),
        "class",
        "note");
  }
}
