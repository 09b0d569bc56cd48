package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.metrics.MetricTable;
import io.calm.metrics.PromQl;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Every query of the dashboard and the alert rules against the scrape of a running server: its
 * metrics are there, and have the labels that it selects and groups by.
 */
class MetricQueriesTest {
  /** Labels that Prometheus adds, and the series that it makes of a scrape itself. */
  private static final Set<String> SCRAPE_LABELS = Set.of("job", "instance");

  private static final Map<String, Set<String>> OF_PROMETHEUS =
      Map.of("up", SCRAPE_LABELS, "ALERTS", SCRAPE_LABELS);

  private static final Pattern TYPE = Pattern.compile("# TYPE (\\w+) (\\w+)");
  private static final Pattern SAMPLE = Pattern.compile("([a-z]\\w*)(?:\\{(.*)\\})? \\S+");
  private static final Pattern LABEL = Pattern.compile("(\\w+)=\"(?:[^\"\\\\]|\\\\.)*\"");

  private static String scrape = "";
  private static Map<String, MetricTable.Row> documented = Map.of();

  @BeforeAll
  static void scrapeARunningServer(@TempDir Path cache) throws Exception {
    documented = MetricTable.documented();
    try (TinyServer server = TinyServer.start(cache)) {
      scrape = server.scrape();
    }
  }

  /** Returns the labels of every sample name that the server can expose. */
  private static Map<String, Set<String>> series() {
    Map<String, Set<String>> series = new TreeMap<>(OF_PROMETHEUS);
    Matcher type = TYPE.matcher(scrape);
    while (type.find()) {
      MetricTable.Row row = documented.get(type.group(1));
      if (row != null) {
        for (String sample : row.samples(type.group(1))) {
          Set<String> labels = new TreeSet<>(row.labels());
          labels.addAll(SCRAPE_LABELS);
          if (sample.endsWith("_bucket")) {
            labels.add("le");
          }
          series.put(sample, labels);
        }
      }
    }
    return series;
  }

  @Test
  void theServerExposesTheDocumentedMetricsWithTheirLabels() {
    Map<String, String> types = new TreeMap<>();
    Matcher type = TYPE.matcher(scrape);
    while (type.find()) {
      types.put(type.group(1), type.group(2));
    }
    Map<String, String> expected = new TreeMap<>();
    documented.forEach((name, row) -> expected.put(name, row.type()));
    expected.keySet().removeIf(name -> name.startsWith("process_") && !types.containsKey(name));
    assertEquals(expected, types);

    Map<String, Set<String>> series = series();
    Set<String> sampled = new TreeSet<>();
    scrape
        .lines()
        .filter(line -> !line.startsWith("#"))
        .forEach(
            line -> {
              Matcher sample = SAMPLE.matcher(line);
              assertTrue(sample.matches(), line);
              Set<String> labels = new TreeSet<>(SCRAPE_LABELS);
              Matcher label = LABEL.matcher(sample.group(2) == null ? "" : sample.group(2));
              while (label.find()) {
                labels.add(label.group(1));
              }
              assertEquals(series.get(sample.group(1)), labels, line);
              sampled.add(sample.group(1));
            });
    for (String name :
        List.of(
            "calm_requests_total",
            "calm_inter_token_seconds_bucket",
            "calm_step_sequences_total",
            "calm_plan_block_score",
            "calm_search_phase_seconds_total",
            "calm_artifact_lookups_total",
            "jvm_memory_bytes_used")) {
      assertTrue(sampled.contains(name), name + " has no sample in\n" + scrape);
    }
    assertTrue(scrape.contains("calm_artifact_lookups_total{outcome=\"miss\",}"), scrape);
  }

  @Test
  void theDashboardAsksForSeriesThatThereAre() throws IOException {
    JsonObject dashboard = dashboard();
    Map<String, List<String>> queries = new TreeMap<>();
    for (JsonElement panel : dashboard.getAsJsonArray("panels")) {
      if (panel.getAsJsonObject().has("targets")) {
        for (JsonElement target : panel.getAsJsonObject().getAsJsonArray("targets")) {
          JsonObject asked = target.getAsJsonObject();
          queries
              .computeIfAbsent(asked.get("expr").getAsString(), e -> new ArrayList<>())
              .add(asked.get("legendFormat").getAsString());
        }
      }
    }
    assertTrue(queries.size() > 30, "queries: " + queries.size());
    queries.forEach(
        (query, legends) -> {
          assertAnswered(query);
          legends.forEach(legend -> assertLegend(query, legend));
        });
    Matcher variable =
        Pattern.compile("label_values\\((\\w+), (\\w+)\\)").matcher(dashboard.toString());
    assertTrue(variable.find(), "a variable for the model");
    assertTrue(series().get(variable.group(1)).contains(variable.group(2)));
  }

  private static JsonObject dashboard() throws IOException {
    return JsonParser.parseString(
            Files.readString(Repository.path("serving-config/grafana/calm.json")))
        .getAsJsonObject();
  }

  /** A legend shows labels that the result of the query can have. */
  private static void assertLegend(String query, String legend) {
    PromQl parsed = PromQl.parse(query);
    boolean aggregated = query.matches("(?s)(histogram_quantile|sum|min|max|count)\\b.*");
    Set<String> labels = new TreeSet<>(aggregated ? parsed.grouped() : SCRAPE_LABELS);
    if (!aggregated) {
      parsed.metrics().keySet().forEach(name -> labels.addAll(series().get(name)));
    }
    Matcher label = Pattern.compile("\\{\\{(\\w+)}}").matcher(legend);
    while (label.find()) {
      assertTrue(labels.contains(label.group(1)), () -> legend + " of " + query);
    }
  }

  @Test
  void theRulesAskForSeriesThatThereAre() throws IOException {
    Map<String, String> rules = rules();
    assertTrue(rules.size() >= 10, rules.keySet().toString());
    rules.values().forEach(MetricQueriesTest::assertAnswered);
  }

  /** Each alert names its section of the operator's guide, which is its name in kebab case. */
  @Test
  void everyAlertLinksToItsSection() throws IOException {
    String text = Files.readString(alerts());
    for (String alert : rules().keySet()) {
      String section = alert.replaceAll("(?<=[a-z])(?=[A-Z])", "-").toLowerCase(Locale.ROOT);
      assertTrue(text.contains("runbook: docs/how-to/operate.md#" + section + "\n"), section);
    }
  }

  private static Path alerts() {
    return Repository.path("serving-config/prometheus/alerts.yml");
  }

  /** Returns the expressions by alert: {@code expr: ...} on a line, or a block that is indented. */
  private static Map<String, String> rules() throws IOException {
    Map<String, String> rules = new HashMap<>();
    String alert = "";
    List<String> lines = Files.readAllLines(alerts());
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.startsWith("- alert: ")) {
        alert = line.substring("- alert: ".length());
      } else if (line.equals("expr: |")) {
        StringBuilder block = new StringBuilder();
        for (; lines.get(i + 1).startsWith(" ".repeat(10)); i++) {
          block.append(lines.get(i + 1)).append('\n');
        }
        rules.put(alert, block.toString());
      } else if (line.startsWith("expr: ")) {
        rules.put(alert, line.substring("expr: ".length()));
      }
    }
    return rules;
  }

  private static void assertAnswered(String query) {
    PromQl parsed = PromQl.parse(query);
    assertTrue(!parsed.metrics().isEmpty(), () -> "no metric in " + query);
    Map<String, Set<String>> series = series();
    Set<String> known = new TreeSet<>();
    parsed
        .metrics()
        .forEach(
            (name, selected) -> {
              assertTrue(series.containsKey(name), () -> name + " is not exposed: " + query);
              assertTrue(
                  series.get(name).containsAll(selected),
                  () -> name + " has the labels " + series.get(name) + ": " + query);
              known.addAll(series.get(name));
            });
    assertTrue(
        known.containsAll(parsed.grouped()),
        () -> "grouped by " + parsed.grouped() + ", there is " + known + ": " + query);
  }
}
