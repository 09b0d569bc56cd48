package io.calm.cli;

import io.calm.cka.Metric;
import io.calm.search.MetricAgreement;
import io.calm.search.SensitivityCell;
import io.calm.search.SensitivityTable;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** Formats a sensitivity table as text. Divergences are in thousandths of a nat per token. */
final class SensitivityText {
  private static final int SCORE_WIDTH = 12;

  private SensitivityText() {}

  /** Returns the cells, one per line, and below them a summary for each text. */
  static List<String> lines(SensitivityTable table) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "KL of the final logits to full precision with one block alone quantized, in millinats"
            + " per token, and the block's scores");
    lines.add(header(table));
    for (SensitivityCell cell : table.cells()) {
      lines.add(line(table, cell));
    }
    for (String text : table.textNames()) {
      lines.add("");
      lines.addAll(summary(table, text));
      lines.addAll(agreements(table, text));
    }
    return lines;
  }

  private static String header(SensitivityTable table) {
    StringBuilder header = new StringBuilder(format("%5s  %-12s", "block", "algorithm"));
    table.texts().keySet().forEach(text -> header.append(format("  %20s", text)));
    for (Metric metric : Metric.values()) {
      header.append(format("  %" + width(metric) + "s", metric.setting()));
    }
    return header.toString();
  }

  private static int width(Metric metric) {
    return Math.max(SCORE_WIDTH, metric.setting().length());
  }

  private static String line(SensitivityTable table, SensitivityCell cell) {
    StringBuilder line = new StringBuilder(format("%5d  %-12s", cell.block(), cell.algorithm()));
    if (cell.failure().isPresent()) {
      return line.append("  failed: ").append(cell.failure().get()).toString();
    }
    table
        .texts()
        .keySet()
        .forEach(text -> line.append(format("  %20s", milli(table.kl(cell, text), "%.4f"))));
    for (Metric metric : Metric.values()) {
      double score = cell.scores().getOrDefault(metric.setting(), Double.NaN);
      String form = metric.best() == 1 ? ".7f" : ".4e";
      line.append(format("  %" + width(metric) + form, score));
    }
    return line.toString();
  }

  private static List<String> summary(SensitivityTable table, String text) {
    List<String> lines = new ArrayList<>();
    int windows =
        table
            .texts()
            .getOrDefault(text, table.texts().values().stream().mapToInt(Integer::intValue).sum());
    lines.add(
        format(
            "%s (%d windows of %d tokens): sum over %d blocks",
            text, windows, table.length(), table.blocks().size()));
    lines.add(
        format(
            "%-28s  %20s  %20s  %20s  %s",
            "choice", "KL", "over the perfect", "over best uniform", "blocks"));
    for (SensitivityTable.Choices choices : table.summary(text)) {
      lines.add(
          format(
              "%-28s  %20s  %20s  %20s  %s",
              choices.name(),
              milli(choices.sum(), "%.3f"),
              milli(choices.overPerfect(), "%+.3f"),
              milli(choices.overUniform(), "%+.3f"),
              words(choices.chosen())));
    }
    return lines;
  }

  private static List<String> agreements(SensitivityTable table, String text) {
    List<String> lines = new ArrayList<>();
    lines.add(
        format(
            "%-28s  %20s  %20s  %20s", "metric", "pairs right", "KL lost", "log-log correlation"));
    for (MetricAgreement agreement : table.agreements(text)) {
      lines.add(
          format(
              "%-28s  %20s  %20.3f  %20.3f",
              agreement.metric().setting(),
              agreement.right() + " of " + agreement.pairs(),
              1000 * agreement.lost(),
              agreement.correlation()));
    }
    return lines;
  }

  private static String words(Map<String, Integer> chosen) {
    return chosen.entrySet().stream()
        .map(entry -> entry.getKey() + " " + entry.getValue())
        .collect(Collectors.joining(", "));
  }

  private static String milli(SensitivityTable.Estimate nats, String form) {
    return format(form + " +- %.3f", 1000 * nats.mean(), 1000 * nats.standardError());
  }

  private static String format(String form, Object... values) {
    return String.format(Locale.ROOT, form, values);
  }
}
