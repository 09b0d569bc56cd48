package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.generate.Finish;
import io.calm.testing.Repository;
import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Holds docs/reference/metrics.md against the code. */
class MetricsDocumentationTest {
  private static final Pattern ROW = Pattern.compile("\\| `(calm_\\w+)` \\| (\\w+) \\|.*");

  private static final ModelState.Scheduling SCHEDULING =
      new ModelState.Scheduling(1, 2, 30, 4, 5, 60, 7, 8, 9, 10);

  private final CalmMetrics metrics =
      new CalmMetrics(
          new CollectorRegistry(),
          () ->
              List.of(
                  new ModelState(
                      "m",
                      "",
                      false,
                      Optional.empty(),
                      Optional.of(
                          new ModelState.SearchState(
                              Optional.of(new ModelState.Blocks(1, 2, 3, 0.5)), 4, Double.NaN))),
                  new ModelState(
                      "m",
                      "calm",
                      true,
                      Optional.of(SCHEDULING),
                      Optional.empty(),
                      List.of(
                          new ModelState.Deviation(
                              "uniform-gptq", "decode", 8, 0.001, -0.002, 0.004)))));

  @Test
  void theTableIsTheCode() throws IOException {
    Map<String, String> documented = new TreeMap<>();
    for (String line : Files.readAllLines(Repository.path("docs/reference/metrics.md"))) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        documented.put(row.group(1), row.group(2));
      }
    }
    Map<String, String> collected = new TreeMap<>();
    assertFalse(metrics.text(CalmMetrics.contentType("")).contains("_created"));
    for (Collector.MetricFamilySamples family : metrics.families()) {
      String suffix = family.type == Collector.Type.COUNTER ? "_total" : "";
      collected.put(family.name + suffix, family.type.name().toLowerCase(Locale.ROOT));
    }
    assertEquals(collected, documented);
  }

  @Test
  void theDashboardAsksForMetricsThatThereAre() throws IOException {
    Set<String> known = new TreeSet<>();
    for (Collector.MetricFamilySamples family : metrics.families()) {
      known.addAll(List.of(family.getNames()));
    }
    Set<String> asked = new TreeSet<>();
    Matcher name =
        Pattern.compile("calm_\\w+")
            .matcher(Files.readString(Repository.path("serving-config/grafana/calm.json")));
    while (name.find()) {
      asked.add(name.group());
    }
    assertTrue(asked.size() > 10, asked.toString());
    asked.removeAll(known);
    assertEquals(Set.of(), asked);
  }

  @Test
  void everyOutcomeIsInTheTable() throws IOException {
    String row =
        Files.readAllLines(Repository.path("docs/reference/metrics.md")).stream()
            .filter(line -> line.startsWith("| `calm_requests_total`"))
            .findFirst()
            .orElseThrow();
    Set<String> documented = new TreeSet<>();
    Matcher word = Pattern.compile("`([a-z_]+)`").matcher(row.split("label `outcome`:", -1)[1]);
    while (word.find()) {
      documented.add(word.group(1));
    }
    Set<String> known = new TreeSet<>(Set.of("rejected"));
    for (Finish.Reason reason : Finish.Reason.values()) {
      known.add(reason.name().toLowerCase(Locale.ROOT));
    }
    assertEquals(known, documented);
  }

  @Test
  void everyLabelIsThere() {
    ModelMetrics model = metrics.model("m", "calm");
    model.token(0, 2_000_000_000L);
    model.token(1, 30_000_000L);
    model.finished("EOS_TOKEN", 5, 2, Duration.ofSeconds(1), Duration.ofSeconds(3));
    model.completed(30, Duration.ofSeconds(3));
    model.rejected();
    String deviation =
        "{model=\"m\",variant=\"calm\",baseline=\"uniform-gptq\",phase=\"decode\","
            + "sequences=\"8\",} ";
    String text = metrics.text(CalmMetrics.contentType(""));
    for (String line :
        List.of(
            "calm_requests_total{model=\"m\",variant=\"calm\",outcome=\"eos_token\",} 1.0",
            "calm_requests_total{model=\"m\",variant=\"calm\",outcome=\"rejected\",} 1.0",
            "calm_prompt_tokens_total{model=\"m\",variant=\"calm\",} 5.0",
            "calm_generated_tokens_total{model=\"m\",variant=\"calm\",} 2.0",
            "calm_queue_seconds_sum{model=\"m\",variant=\"calm\",} 1.0",
            "calm_time_to_first_token_seconds_sum{model=\"m\",variant=\"calm\",} 2.0",
            "calm_inter_token_seconds_sum{model=\"m\",variant=\"calm\",} 0.03",
            "calm_request_seconds_sum{model=\"m\",variant=\"calm\",} 3.0",
            "calm_request_tokens_per_second_sum{model=\"m\",variant=\"calm\",} 10.0",
            "calm_uniform_latency_deviation_ratio" + deviation + "0.001",
            "calm_uniform_latency_deviation_ratio_low" + deviation + "-0.002",
            "calm_uniform_latency_deviation_ratio_high" + deviation + "0.004",
            "calm_model_ready{model=\"m\",variant=\"calm\",} 1.0",
            "calm_model_ready{model=\"m\",variant=\"\",} 0.0",
            "calm_running_sequences{model=\"m\",variant=\"calm\",} 1.0",
            "calm_waiting_requests{model=\"m\",variant=\"calm\",} 2.0",
            "calm_kv_blocks{model=\"m\",variant=\"calm\",} 30.0",
            "calm_kv_blocks_used{model=\"m\",variant=\"calm\",} 4.0",
            "calm_kv_blocks_cached{model=\"m\",variant=\"calm\",} 5.0",
            "calm_prefix_tokens_total{model=\"m\",variant=\"calm\",} 60.0",
            "calm_prefix_hit_tokens_total{model=\"m\",variant=\"calm\",} 7.0",
            "calm_preemptions_total{model=\"m\",variant=\"calm\",} 8.0",
            "calm_steps_total{model=\"m\",variant=\"calm\",} 9.0",
            "calm_step_tokens_total{model=\"m\",variant=\"calm\",} 10.0",
            "calm_search_remaining_seconds{model=\"m\",variant=\"\",} NaN")) {
      assertTrue(text.contains(line + "\n"), line + " is missing in\n" + text);
    }
  }
}
