package io.calm.loadtest.trial;

import io.calm.loadtest.figures.Latency;
import io.calm.loadtest.figures.RunResult;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** The summary as one HTML file without scripts and external resources. */
final class SummaryPage {
  private static final String STYLE =
      """
      :root { color-scheme: light dark; --line: #8884; --soft: #8882; }
      body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
        padding: 0 1rem; }
      h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
      caption { text-align: left; padding-bottom: .5rem; color: GrayText; }
      th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
        white-space: nowrap; }
      th:first-child, td:first-child { text-align: left; }
      tbody tr:nth-child(even) { background: var(--soft); }
      svg { width: 100%; height: auto; }
      """;

  private final Summary summary;

  SummaryPage(Summary summary) {
    this.summary = summary;
  }

  /** Returns the page. */
  String html() {
    return """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
        <title>Load test</title>
        <style>
        %s</style>
        </head>
        <body>
        <main>
        <h1>Load test</h1>
        <p>%s. Clients on %s.</p>
        <p>Objective: %s.</p>
        <ul>
        %s
        </ul>
        %s
        %s
        %s
        %s
        </main>
        </body>
        </html>
        """
        .formatted(
            STYLE,
            escaped(summary.time().toString()),
            escaped(summary.machineText()),
            escaped(summary.plan().slo().toString()),
            summary.verdicts().stream()
                .map(verdict -> "<li>" + escaped(verdict) + "</li>")
                .collect(Collectors.joining("\n")),
            closed(),
            sweep(),
            soak(),
            reports());
  }

  private String closed() {
    List<String> rows =
        summary.results().stream()
            .map(result -> row(result.contender().label(), Optional.empty(), result.closed()))
            .toList();
    String caption =
        "%d users; each asks again after its answer, for %d s"
            .formatted(summary.plan().users(), summary.plan().seconds());
    return table("Closed load", caption, false, rows);
  }

  private String sweep() {
    StringBuilder rows = new StringBuilder();
    for (Trial.Result result : summary.results()) {
      for (RateSweep.Point point : result.sweep().points()) {
        String rate =
            String.format(Locale.ROOT, "%.2f%s", point.rate(), point.holds() ? "" : " (breaks)");
        rows.append(row(result.contender().label(), Optional.of(rate), point.run())).append('\n');
      }
    }
    String caption =
        "Poisson arrivals for %d s per rate, in the order of the runs"
            .formatted(summary.plan().seconds());
    return table("Rates", caption, true, List.of(rows.toString()))
        + new LatencyChart(summary.results(), summary.plan().slo().firstToken()).svg();
  }

  private String soak() {
    List<String> rows =
        summary.results().stream()
            .flatMap(
                result ->
                    result.soak().stream()
                        .map(run -> row(result.contender().label(), Optional.empty(), run)))
            .toList();
    String caption =
        "32 clients with random lengths for %d s; a tenth of them hang up"
            .formatted(summary.plan().soakSeconds());
    return rows.isEmpty() ? "" : table("Soak", caption, false, rows);
  }

  private String reports() {
    String items =
        summary.results().stream()
            .map(
                result ->
                    "<li>%s at %s: Gatling's reports and logs are in <code>%s/</code></li>"
                        .formatted(
                            escaped(result.contender().label()),
                            escaped(
                                result.contender().url()
                                    + (result.contender().model().isEmpty()
                                        ? ""
                                        : ", model " + result.contender().model())),
                            escaped(result.contender().directory())))
            .collect(Collectors.joining("\n"));
    return "<h2>Servers</h2>\n<ul>\n" + items + "\n</ul>";
  }

  private static String table(String title, String caption, boolean rates, List<String> rows) {
    return """
        <h2>%s</h2>
        <div class="scroll" tabindex="0" role="region" aria-label="%s">
        <table>
        <caption>%s</caption>
        <thead><tr><th scope="col">server</th>%s<th scope="col">tokens/s</th><th scope="col">first \
        token p50 / p90 / p99, ms</th><th scope="col">between tokens p50 / p90 / p99, ms</th><th \
        scope="col">answers</th><th scope="col">errors</th><th scope="col">changed</th></tr></thead>
        <tbody>
        %s
        </tbody>
        </table>
        </div>
        """
        .formatted(
            title,
            title,
            escaped(caption),
            rates ? "<th scope=\"col\">requests/s</th>" : "",
            String.join("\n", rows));
  }

  private static String row(String label, Optional<String> rate, RunResult run) {
    return "<tr><th scope=\"row\">%s</th>%s<td>%s</td><td>%s</td><td>%s</td><td>%d</td><td>%d</td><td>%s</td></tr>"
        .formatted(
            escaped(label),
            rate.map(text -> "<td>" + escaped(text) + "</td>").orElse(""),
            number(run.tokensPerSecond()),
            latency(run.firstToken()),
            latency(run.interToken()),
            run.counts().whole(),
            run.counts().errors(),
            run.counts().compared() == 0
                ? "-"
                : "%d of %d".formatted(run.counts().wrong(), run.counts().compared()));
  }

  private static String latency(Latency latency) {
    return "%s / %s / %s"
        .formatted(number(latency.p50()), number(latency.p90()), number(latency.p99()));
  }

  private static String number(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.1f", value) : "-";
  }

  /** Returns text with HTML's special characters escaped. */
  static String escaped(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;")
        .replace("'", "&#39;");
  }
}
