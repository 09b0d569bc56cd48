package io.calm.report;

import java.util.Map;
import java.util.Optional;

/** The sections about perplexity, divergence and accuracy. */
final class FidelitySections {
  private final Report report;
  private final HtmlWriter to;

  FidelitySections(Report report, HtmlWriter to) {
    this.report = report;
    this.to = to;
  }

  void write() {
    to.start("section").element("h2", "Fidelity on texts");
    report.texts().forEach(this::text);
    ReportHtml.missing(report, "texts", to);
    to.end();
    to.start("section").element("h2", "Accuracy on tasks");
    report.tasks().forEach(this::task);
    ReportHtml.missing(report, "tasks", to);
    to.end();
  }

  private void text(Report.Fidelity text) {
    Table table =
        new Table(
            to,
            "%s: %d windows of %d tokens%s"
                .formatted(text.name(), text.count(), text.length(), cache(text)),
            "Precision",
            "#Perplexity",
            "#NLL, nats/token",
            "#KL, millinats/token",
            "#Top-1 agreement, %");
    for (Report.Scores scores : text.precisions()) {
      row(table, scores);
      value(table, scores, "perplexity", "%.3f", 1);
      value(table, scores, "nll", "%.5f", 1);
      value(table, scores, "kl", "%.3f", 1000);
      value(table, scores, "top_one_agreement", "%.2f", 100);
    }
    table.end();
    note(text);
  }

  private void task(Report.Fidelity task) {
    Table table =
        new Table(
            to,
            "%s: %d questions%s".formatted(task.name(), task.count(), cache(task)),
            "Precision",
            "#acc, %",
            "#acc_norm, %",
            "#Perplexity");
    for (Report.Scores scores : task.precisions()) {
      row(table, scores);
      value(table, scores, "acc", "%.2f", 100);
      value(table, scores, "acc_norm", "%.2f", 100);
      value(table, scores, "perplexity", "%.3f", 1);
    }
    table.end();
    note(task);
  }

  private static void row(Table table, Report.Scores scores) {
    boolean reference = scores.role().equals(Report.REFERENCE);
    table.row(
        reference ? "full precision" : scores.variant(),
        scores.role().equals(Report.SERVED) ? "served" : "plain");
  }

  private static void value(
      Table table, Report.Scores scores, String name, String format, double factor) {
    Map<String, MeasuredValue> values = scores.values();
    Optional.ofNullable(values.get(name))
        .ifPresentOrElse(value -> table.number(format, value, factor), () -> table.text(""));
  }

  private static String cache(Report.Fidelity fidelity) {
    return fidelity.kvCache().map(type -> ", keys and values in " + type).orElse("");
  }

  /** Writes what was measured, by which version, and when. */
  private void note(Report.Fidelity fidelity) {
    Report.Scores served =
        fidelity.precisions().stream()
            .filter(scores -> scores.role().equals(Report.SERVED))
            .findFirst()
            .orElse(fidelity.precisions().get(0));
    to.start("p", "class", "note").text("SHA-256 of the content ");
    to.element("code", fidelity.digest().substring(0, Math.min(16, fidelity.digest().length())));
    to.text(
        "…; measured on "
            + ReportHtml.date(served.date())
            + " with CALM "
            + OriginSections.build(served.build())
            + ".");
    to.end();
  }
}
