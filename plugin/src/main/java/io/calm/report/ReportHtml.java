package io.calm.report;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Writes a report as one HTML file without scripts, fonts, images or links to anything outside it.
 * A strict Content-Security-Policy is in the file itself, for readers that open it from a disk.
 */
public final class ReportHtml {
  /** The policy of a page: its own inline style sheet, and nothing else. */
  public static final String POLICY =
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

  private static final String STYLE = resource("report.css");

  private final Report report;
  private final HtmlWriter to = new HtmlWriter();

  private ReportHtml(Report report) {
    this.report = report;
  }

  /** Returns the report as an HTML document. */
  public static String write(Report report) {
    return new ReportHtml(report).document();
  }

  private String document() {
    to.raw("<!DOCTYPE html>\n").start("html", "lang", "en").start("head");
    to.empty("meta", "charset", "utf-8");
    to.empty("meta", "http-equiv", "Content-Security-Policy", "content", POLICY);
    to.empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1");
    to.empty("meta", "name", "color-scheme", "content", "light dark");
    to.element("title", report.model() + " – CALM report");
    to.start("style").raw(STYLE).end();
    to.end().start("body");
    header();
    to.start("main");
    plan();
    new FidelitySections(report, to).write();
    new LatencySection(report, to).write();
    new PerBlockSections(report, to).write();
    new CostSections(report, to).write();
    new OriginSections(report, to).write();
    to.end();
    to.start("footer")
        .start("p")
        .text("Written by CALM ")
        .text(report.origin().build().version())
        .text(" on " + date(report.created()) + ". ± is one standard error.")
        .end()
        .end();
    return to.end().end().toString();
  }

  private void header() {
    to.start("header");
    to.element("p", "Quantization report", "class", "kind");
    to.element("h1", report.model());
    to.start("p", "class", "lead");
    to.text("Served: ").element("strong", report.served().variant()).text(" – " + counts() + ".");
    to.end();
    to.start("dl", "class", "facts");
    fact("Size", () -> Numbers.bytes(to, report.size().bytes()));
    fact("Bits per weight", () -> Numbers.write(to, "%.2f", report.size().bitsPerWeight()));
    report
        .served()
        .guard()
        .ifPresent(
            guard ->
                fact(
                    "Mix minus " + guard.uniform() + ", KL in millinats",
                    () -> Numbers.write(to, "%+.2f", guard.difference(), 1000)));
    report.texts().stream()
        .findFirst()
        .ifPresent(
            text ->
                text.precisions().stream()
                    .filter(scores -> scores.role().equals(Report.SERVED))
                    .findFirst()
                    .map(scores -> scores.values().get("perplexity"))
                    .ifPresent(
                        value ->
                            fact(
                                "Perplexity, " + text.name(),
                                () -> Numbers.write(to, "%.3f", value, 1))));
    report
        .latency()
        .flatMap(LatencySection::headline)
        .ifPresent(
            row ->
                fact(
                    "Decode against uniform",
                    () -> {
                      Numbers.write(to, "%+.2f", row.deviationPercent());
                      to.text(" %");
                    }));
    fact("Search", () -> Numbers.seconds(to, report.search().seconds()));
    to.end().end();
  }

  private void fact(String name, Runnable value) {
    to.start("div").element("dt", name).start("dd");
    value.run();
    to.end().end();
  }

  private String counts() {
    return report.served().counts().entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .map(entry -> "%s in %s".formatted(entry.getKey(), blocks(entry.getValue())))
        .collect(Collectors.joining(", "));
  }

  static String blocks(int count) {
    return count == 1 ? "1 block" : count + " blocks";
  }

  private void plan() {
    to.start("section").element("h2", "The plan and its reason");
    to.element("p", sentence(report.served().reason()));
    report.served().guard().ifPresent(this::guard);
    Report.Head head = report.served().head();
    to.start("p").text("lm_head: ").element("strong", head.format());
    to.text(" – " + sentence(head.reason())).end();
    head.trial().ifPresent(this::headTrial);
    warnings(report.served().warnings());
    to.end();
  }

  private void guard(Report.Guard guard) {
    Table table =
        new Table(
            to,
            "KL divergence to full precision on held-out sequences, millinats per token",
            "Plan",
            "#KL",
            "#Mix minus this plan",
            "#Sum of block errors");
    table
        .row("mix", guard.mixServed() ? "served" : "plain")
        .number("%.2f", new MeasuredValue(guard.mixKl(), Double.NaN), 1000)
        .text("")
        .text("");
    for (Report.UniformPlan uniform : guard.uniforms()) {
      boolean served = !guard.mixServed() && uniform.algorithm().equals(guard.uniform());
      table
          .row("uniform-" + uniform.algorithm(), served ? "served" : "plain")
          .number("%.2f", new MeasuredValue(uniform.kl(), Double.NaN), 1000)
          .number("%+.2f", uniform.difference(), 1000)
          .number("%.5f", uniform.blockErrors());
    }
    table.end();
  }

  private void headTrial(Report.HeadTrial trial) {
    Table table =
        new Table(
            to,
            "KL divergence with each format of the lm_head, millinats per token",
            "Format",
            "#KL",
            "#int4 minus int8",
            "#Bound");
    table
        .row("int8")
        .number("%.2f", new MeasuredValue(trial.int8Kl(), Double.NaN), 1000)
        .text("")
        .text("");
    table
        .row("int4")
        .number("%.2f", new MeasuredValue(trial.int4Kl(), Double.NaN), 1000)
        .number("%+.2f", trial.difference(), 1000)
        .number("%.2f", new MeasuredValue(trial.bound(), Double.NaN), 1000);
    table.end();
  }

  private void warnings(List<Report.Warning> warnings) {
    if (warnings.isEmpty()) {
      return;
    }
    to.element("h3", "Warnings of the algorithms").start("ul", "class", "warnings");
    for (Report.Warning warning : warnings) {
      to.start("li").element("strong", warning.algorithm()).text(" ");
      to.text("%s (%s)".formatted(warning.text(), blocks(warning.blocks().size()))).end();
    }
    to.end();
  }

  /** Writes which command measures what a section lacks. */
  static void missing(Report report, String section, HtmlWriter to) {
    report.missing().stream()
        .filter(missing -> missing.section().equals(section))
        .forEach(
            missing -> {
              to.start("div", "class", "missing");
              to.element("p", "Not measured: " + missing.what() + ". Measure with");
              to.start("pre", "tabindex", "0").element("code", missing.command()).end().end();
            });
  }

  /** Returns a reason as a sentence. */
  static String sentence(String reason) {
    return reason.endsWith(".") ? reason : reason + ".";
  }

  /** Returns the date and time of an ISO 8601 instant. */
  static String date(String instant) {
    return instant.replace('T', ' ').replace("Z", " UTC");
  }

  private static String resource(String name) {
    try (InputStream in = ReportHtml.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IllegalStateException(name + " is missing from the jar");
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
