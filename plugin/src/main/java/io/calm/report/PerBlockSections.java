package io.calm.report;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The sections about single blocks: scores, errors, choices and sensitivity. */
final class PerBlockSections {
  private final Report report;
  private final HtmlWriter to;
  private final List<String> algorithms;

  PerBlockSections(Report report, HtmlWriter to) {
    this.report = report;
    this.to = to;
    Set<String> names = new LinkedHashSet<>();
    report.blocks().forEach(block -> names.addAll(block.candidates().keySet()));
    this.algorithms = List.copyOf(names);
  }

  void write() {
    to.start("section").element("h2", "Algorithm of each block");
    if (algorithms.isEmpty()) {
      to.element(
          "p",
          "One algorithm serves every block and nothing was scored: "
              + report.served().variant()
              + ".");
    } else {
      scores();
    }
    to.end();
    to.start("section").element("h2", "Sensitivity of each block");
    report.sensitivity().ifPresent(this::sensitivity);
    ReportHtml.missing(report, "sensitivity", to);
    to.end();
  }

  private void scores() {
    to.element(
        "p",
        "Each cell is a candidate. The stronger its colour, the larger its loss: the distance of its"
            + " score ("
            + report.search().metric()
            + ") from that of a perfect block. A dot marks the algorithm that serves the block.");
    HeatMap.write(report, algorithms, to);
    to.start("details").element("summary", "Scores and errors as a table");
    Table table = new Table(to, "Score and relative error of each candidate", columns());
    for (Report.Block block : report.blocks()) {
      table.row(Integer.toString(block.block())).text(served(block));
      for (String name : algorithms) {
        Optional.ofNullable(block.candidates().get(name))
            .ifPresentOrElse(
                candidate -> candidate(table, candidate), () -> table.text("").text(""));
      }
      table.text(block.reason());
    }
    table.end();
    to.end();
  }

  private String[] columns() {
    String[] columns = new String[3 + 2 * algorithms.size()];
    columns[0] = "Block";
    columns[1] = "Served";
    for (int a = 0; a < algorithms.size(); a++) {
      columns[2 + 2 * a] = "#" + algorithms.get(a) + " score";
      columns[3 + 2 * a] = "#error";
    }
    columns[columns.length - 1] = "Reason of the choice";
    return columns;
  }

  private static String served(Report.Block block) {
    return block.served().equals(block.chosen())
        ? block.served()
        : "%s (mix: %s)".formatted(block.served(), block.chosen());
  }

  private static void candidate(Table table, Report.Candidate candidate) {
    if (candidate.failure().isPresent()) {
      table.text("failed: " + candidate.failure().get()).text("");
      return;
    }
    table.number("%.6f", candidate.score()).number("%.2e", candidate.relativeMse());
  }

  private void sensitivity(Report.Sensitivity sensitivity) {
    to.element(
        "p",
        "KL divergence to full precision when that block alone is quantized with the algorithm that"
            + " serves it. Lines show one standard error.");
    BarChart.write(sensitivity, to);
    to.start("details").element("summary", "Divergences as a table");
    String[] columns = new String[1 + sensitivity.pool().size()];
    columns[0] = "Block";
    for (int a = 0; a < sensitivity.pool().size(); a++) {
      columns[1 + a] = "#" + sensitivity.pool().get(a);
    }
    Table table =
        new Table(
            to,
            "KL divergence of each block alone, millinats per token, on windows of %d tokens"
                .formatted(sensitivity.length()),
            columns);
    for (Report.Impact impact : sensitivity.blocks()) {
      table.row(Integer.toString(impact.block()));
      Map<String, MeasuredValue> values = impact.algorithms();
      for (String name : sensitivity.pool()) {
        Optional.ofNullable(values.get(name))
            .ifPresentOrElse(
                value -> table.number("%.3f", value, 1000), () -> table.text("failed"));
      }
    }
    table.end();
    to.end();
  }
}
