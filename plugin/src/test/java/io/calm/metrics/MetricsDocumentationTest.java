package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Holds docs/metrics.md against the code. */
class MetricsDocumentationTest {
  private static final Pattern ROW = Pattern.compile("\\| `(calm_\\w+)` \\| (\\w+) \\|.*");

  private final CalmMetrics metrics =
      new CalmMetrics(
          new CollectorRegistry(),
          () ->
              List.of(
                  new ModelState(
                      "m",
                      "",
                      false,
                      0,
                      0,
                      Optional.of(new ModelState.Search(1, 2, 3, 0.5, 4, Double.NaN))),
                  new ModelState("m", "calm", true, 0, 0, Optional.empty())));

  @Test
  void theTableIsTheCode() throws IOException {
    Map<String, String> documented = new TreeMap<>();
    for (String line : Files.readAllLines(Repository.path("docs/metrics.md"))) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        documented.put(row.group(1), row.group(2));
      }
    }
    Map<String, String> collected = new TreeMap<>();
    for (Collector.MetricFamilySamples family : metrics.families()) {
      String suffix = family.type == Collector.Type.COUNTER ? "_total" : "";
      collected.put(family.name + suffix, family.type.name().toLowerCase(Locale.ROOT));
    }
    assertEquals(collected, documented);
  }

  @Test
  void everyLabelIsThere() {
    ModelMetrics model = metrics.model("m", "calm");
    model.token(0, 2_000_000_000L);
    model.token(1, 30_000_000L);
    model.finished("EOS_TOKEN", 5, 2, Duration.ofSeconds(1), Duration.ofSeconds(3));
    model.rejected();
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
            "calm_search_remaining_seconds{model=\"m\",variant=\"\",} NaN")) {
      assertTrue(text.contains(line + "\n"), line + " is missing in\n" + text);
    }
  }
}
