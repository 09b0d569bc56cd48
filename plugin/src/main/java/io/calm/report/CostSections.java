package io.calm.report;

import java.util.LinkedHashMap;
import java.util.Map;

/** The sections about size and the search's time. */
final class CostSections {
  private static final Map<String, String> KINDS = kinds();

  private final Report report;
  private final HtmlWriter to;

  CostSections(Report report, HtmlWriter to) {
    this.report = report;
    this.to = to;
  }

  private static Map<String, String> kinds() {
    Map<String, String> kinds = new LinkedHashMap<>();
    kinds.put("codes", "4-bit codes of the blocks");
    kinds.put("scales", "scales and minimums of the blocks");
    kinds.put("biases", "biases");
    kinds.put("norms", "norms");
    kinds.put("embeddings", "embeddings");
    kinds.put("lm_head", "lm_head");
    kinds.put("plan", "plan");
    kinds.put("padding", "padding between sections");
    return kinds;
  }

  void write() {
    size();
    search();
  }

  private void size() {
    Report.Size size = report.size();
    to.start("section").element("h2", "Size").start("p");
    Numbers.bytes(to, size.bytes());
    to.text(" for ");
    Numbers.count(to, size.parameters());
    to.text(" parameters: ");
    Numbers.write(to, "%.2f", size.bitsPerParameter());
    to.text(" bits each, tables included. The ");
    Numbers.count(to, size.weights());
    to.text(" weights of the blocks take ");
    Numbers.write(to, "%.2f", size.bitsPerWeight());
    to.text(" bits each with their scales. Embeddings: " + size.embeddings());
    to.text("; lm_head: " + (size.head().equals("tied") ? "the embeddings" : size.head()) + ".");
    to.end();
    if (!size.kinds().isEmpty()) {
      Table table = new Table(to, "Bytes of the artifact by kind", "Kind", "#Size", "#Share, %");
      size.kinds()
          .forEach(
              (kind, bytes) -> {
                if (bytes > 0) {
                  table
                      .row(KINDS.getOrDefault(kind, kind))
                      .number(cell -> Numbers.bytes(cell, bytes))
                      .number(cell -> cell.text(share((double) bytes, (double) size.bytes())));
                }
              });
      table.end();
    }
    to.end();
  }

  private void search() {
    Report.Search search = report.search();
    to.start("section").element("h2", "Time of the search").start("p");
    Numbers.seconds(to, search.seconds());
    to.text(" after the calibration: ");
    Numbers.count(to, search.evaluations());
    to.text(" evaluations of a block, scored with " + search.metric() + "; ");
    Numbers.count(to, search.collectionForwards());
    to.text(" forwards that collected inputs, ");
    Numbers.count(to, search.guardForwards());
    to.text(" for the guard. ");
    Numbers.count(to, search.sinkRows());
    to.text(" of ");
    Numbers.count(to, search.scoredRows());
    to.text(" scored rows were attention sinks.").end();
    if (!search.phases().isEmpty()) {
      Table phases = new Table(to, "Time by phase", "Phase", "#Time", "#Share, %");
      double whole = search.phases().values().stream().mapToDouble(seconds -> seconds).sum();
      search.phases().forEach((phase, seconds) -> row(phases, phase, seconds, whole));
      phases.end();
    }
    Table table =
        new Table(
            to, "Time to quantize and score, by algorithm", "Algorithm", "#Time", "#Share, %");
    search.algorithms().forEach((name, seconds) -> row(table, name, seconds, search.seconds()));
    row(table, "everything else", search.otherSeconds(), search.seconds());
    table.end();
    to.element(
        "p",
        "Everything else is full-precision forwards, the guard and the trial of the lm_head. The"
            + " time does not include the calibration or writing the artifact. Measured on "
            + report
                .origin()
                .madeBy()
                .map(maker -> OriginSections.machine(maker.machine()))
                .orElse("an unknown machine")
            + ".",
        "class",
        "note");
    to.end();
  }

  private static void row(Table table, String part, double seconds, double whole) {
    table
        .row(part)
        .number(cell -> Numbers.seconds(cell, seconds))
        .number(cell -> cell.text(share(seconds, whole)));
  }

  private static String share(double part, double whole) {
    return Numbers.text("%.1f", 100 * part / whole);
  }
}
