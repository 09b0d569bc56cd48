package io.calm.report;

import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.search.QuantPlan;
import java.util.List;

/** The sections about settings, files, calibration and machine. */
final class OriginSections {
  private static final String UNKNOWN = "unknown, by an earlier version of CALM";

  private final Report report;
  private final HtmlWriter to;

  OriginSections(Report report, HtmlWriter to) {
    this.report = report;
    this.to = to;
  }

  void write() {
    settings();
    origin();
  }

  private void settings() {
    to.start("section").element("h2", "Settings");
    List<Report.Setting> all = report.settings();
    settings(
        "Settings that change the result",
        all.stream().filter(Report.Setting::changesResult).toList());
    to.start("details").element("summary", "Settings of serving");
    settings("Settings of serving", all.stream().filter(s -> !s.changesResult()).toList());
    to.end().end();
  }

  private void settings(String caption, List<Report.Setting> settings) {
    Table table = new Table(to, caption, "Key", "Value", "Meaning here", "");
    for (Report.Setting setting : settings) {
      table
          .row(setting.key(), "key")
          .text(setting.value())
          .text(setting.resolved().orElse(""))
          .text(setting.isDefault() ? "default" : "set");
    }
    table.end();
  }

  private void origin() {
    Report.Origin origin = report.origin();
    Report.Calibration calibration = origin.calibration();
    to.start("section").element("h2", "Origin").start("dl", "class", "origin");
    item("Model", "%s, %s".formatted(origin.architecture(), ReportHtml.blocks(origin.layers())));
    to.element("dt", "Artifact").start("dd").element("code", origin.artifact()).end();
    to.element("dt", "SHA-256 of the model's files").start("dd");
    origin.modelDigests().forEach(digest -> to.start("div").element("code", digest).end());
    to.end();
    item(
        "Calibration",
        "%s: %d sequences to fit, %d to score, %d for the guard, %d tokens each, seed %d"
            .formatted(
                calibration.source().equals("self")
                    ? "the model's own samples"
                    : calibration.source(),
                calibration.fit(),
                calibration.score(),
                calibration.guard(),
                calibration.length(),
                calibration.seed()));
    if (!calibration.identity().equals("self")) {
      to.element("dt", "SHA-256 of the calibration file").start("dd");
      to.element("code", calibration.identity()).end();
    }
    item("Artifact made by", origin.madeBy().map(OriginSections::madeBy).orElse(UNKNOWN));
    item("This report written by", madeBy(new QuantPlan.MadeBy(origin.build(), origin.machine())));
    to.end().end();
  }

  private void item(String name, String value) {
    to.element("dt", name).element("dd", value);
  }

  static String machine(MachineInfo machine) {
    return "%s, %d threads, %s of memory, kernels %s, %s %s, %s"
        .formatted(
            machine.processor(),
            machine.processors(),
            machine.memoryBytes() > 0 ? Numbers.bytes(machine.memoryBytes()) : "unknown size",
            machine.kernel(),
            machine.os(),
            machine.architecture(),
            machine.jvm());
  }

  private static String madeBy(QuantPlan.MadeBy maker) {
    return "CALM %s, on %s".formatted(build(maker.build()), machine(maker.machine()));
  }

  static String build(BuildInfo build) {
    String commit = build.commitText();
    return "%s, commit %s"
        .formatted(build.version(), commit.substring(0, Math.min(12, commit.length())));
  }
}
