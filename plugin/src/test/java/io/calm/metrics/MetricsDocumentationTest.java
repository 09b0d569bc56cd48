package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.generate.Finish;
import io.calm.testing.Repository;
import io.prometheus.client.CollectorRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.OS;

/** Holds docs/reference/metrics.md against the code. */
class MetricsDocumentationTest {
  private static final ModelState.Scheduling SCHEDULING =
      new ModelState.Scheduling(
          1, 2, 3, 30, 4, 5, 60, 7, 8, 9, 10, 11, 12, 13, new ModelState.Limits(32, 100));

  private static final ModelState LOADING =
      new ModelState(
          "m",
          "",
          false,
          Optional.empty(),
          Optional.of(
              new ModelState.SearchState(
                  Optional.of(new ModelState.Blocks(1, 2, 0.5)), 4, Double.NaN)));

  private static final ModelState READY =
      new ModelState(
          "m",
          "calm",
          true,
          false,
          Optional.of(SCHEDULING),
          Optional.empty(),
          Optional.of(
              new ModelState.Plan(
                  "cka",
                  64,
                  "int8",
                  List.of(
                      new ModelState.Plan.Block(0, "gptq", 0.75),
                      new ModelState.Plan.Block(1, "rtn", Double.NaN)))),
          Optional.of(new ModelState.Artifact(1024, Instant.ofEpochSecond(1000))),
          List.of(new ModelState.Deviation("uniform-gptq", "decode", 8, 0.001, -0.002, 0.004)));

  private final CalmMetrics metrics =
      new CalmMetrics(
          new CollectorRegistry(),
          () -> List.of(LOADING, READY),
          () ->
              new ServerState(
                  new ServerState.Build("1.0", "abc", "avx2"), Map.of("hit", 1L, "corrupt", 2L)));

  MetricsDocumentationTest() {
    metrics.loads("m").report("searching", 3);
    ModelMetrics model = metrics.model("m", "calm");
    model.token(0, 2_000_000_000L);
    model.token(1, 30_000_000L);
    model.finished("EOS_TOKEN", 5, 2, Duration.ofSeconds(1), Duration.ofSeconds(3));
    model.completed(30, Duration.ofSeconds(3));
    model.rejected();
    metrics.responses().count(200);
    metrics.responses().count(429);
    metrics.responses().count(429);
  }

  @Test
  void theTableIsTheCode() throws IOException {
    Map<String, MetricTable.Row> documented = MetricTable.documented();
    Map<String, MetricTable.Row> collected = MetricTable.of(metrics.families());
    if (!OS.LINUX.isCurrentOs()) { // simpleclient has some of these metrics on Linux alone
      documented.keySet().removeIf(n -> n.startsWith("process_") && !collected.containsKey(n));
    }
    assertEquals(collected, documented);
  }

  @Test
  void noSeriesTellsWhenItBegan() {
    assertFalse(metrics.text(CalmMetrics.contentType("")).contains("_created{"));
  }

  @Test
  void everyOutcomeIsInTheTable() throws IOException {
    String row =
        Files.readAllLines(Repository.path("docs/reference/metrics.md")).stream()
            .filter(line -> line.startsWith("| `calm_requests_total`"))
            .findFirst()
            .orElseThrow();
    Set<String> documented = new TreeSet<>();
    Matcher word = Pattern.compile("`([a-z_]+)`").matcher(row.split("`outcome` is ", -1)[1]);
    while (word.find()) {
      documented.add(word.group(1));
    }
    Set<String> known = new TreeSet<>(Set.of("rejected"));
    for (Finish.Reason reason : Finish.Reason.values()) {
      known.add(reason.name().toLowerCase(Locale.ROOT));
    }
    assertEquals(known, documented);
    assertEquals(known, new TreeSet<>(ModelMetrics.OUTCOMES));
  }

  @Test
  void everyLabelIsThere() {
    String deviation =
        "{model=\"m\",variant=\"calm\",baseline=\"uniform-gptq\",phase=\"decode\","
            + "sequences=\"8\",} ";
    String text = metrics.text(CalmMetrics.contentType(""));
    for (String line :
        List.of(
            "calm_requests_total{model=\"m\",variant=\"calm\",outcome=\"eos_token\",} 1.0",
            "calm_requests_total{model=\"m\",variant=\"calm\",outcome=\"rejected\",} 1.0",
            "calm_http_responses_total{status=\"200\",} 1.0",
            "calm_http_responses_total{status=\"429\",} 2.0",
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
            "calm_paused_generations{model=\"m\",variant=\"calm\",} 3.0",
            "calm_kv_blocks{model=\"m\",variant=\"calm\",} 30.0",
            "calm_kv_blocks_used{model=\"m\",variant=\"calm\",} 4.0",
            "calm_kv_blocks_cached{model=\"m\",variant=\"calm\",} 5.0",
            "calm_prefix_tokens_total{model=\"m\",variant=\"calm\",} 60.0",
            "calm_prefix_hit_tokens_total{model=\"m\",variant=\"calm\",} 7.0",
            "calm_preemptions_total{model=\"m\",variant=\"calm\",} 8.0",
            "calm_steps_total{model=\"m\",variant=\"calm\",} 9.0",
            "calm_step_tokens_total{model=\"m\",variant=\"calm\",} 10.0",
            "calm_step_sequences_total{model=\"m\",variant=\"calm\",} 11.0",
            "calm_running_sequences_limit{model=\"m\",variant=\"calm\",} 32.0",
            "calm_waiting_requests_limit{model=\"m\",variant=\"calm\",} 100.0",
            "calm_artifact_bytes{model=\"m\",variant=\"calm\",} 1024.0",
            "calm_artifact_created_timestamp_seconds{model=\"m\",variant=\"calm\",} 1000.0",
            "calm_artifact_lookups_total{outcome=\"corrupt\",} 2.0",
            "calm_build_info{version=\"1.0\",commit=\"abc\",kernels=\"avx2\",} 1.0",
            "calm_plan_info{model=\"m\",variant=\"calm\",metric=\"cka\",group=\"64\","
                + "lm_head=\"int8\",} 1.0",
            "calm_plan_block_score{model=\"m\",variant=\"calm\",block=\"0\",algorithm=\"gptq\",}"
                + " 0.75",
            "calm_plan_block_score{model=\"m\",variant=\"calm\",block=\"1\",algorithm=\"rtn\",}"
                + " NaN",
            "calm_search_evaluations_total{model=\"m\",} 3.0",
            "calm_search_phase{model=\"m\",phase=\"searching\",} 1.0",
            "calm_search_remaining_seconds{model=\"m\",variant=\"\",} NaN")) {
      assertTrue(text.contains(line + "\n"), line + " is missing in\n" + text);
    }
  }
}
