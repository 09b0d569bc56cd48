package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.prometheus.client.CollectorRegistry;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

/** Series live as long as their model. */
class UnloadedModelTest {
  private static final ModelState A = ready("a");
  private static final ModelState B = ready("b");

  private final AtomicReference<List<ModelState>> models = new AtomicReference<>(List.of(A, B));
  private final CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), models::get);

  private static ModelState ready(String name) {
    return new ModelState(name, "calm", true, Optional.empty(), Optional.empty());
  }

  private String scrape() {
    return metrics.text(CalmMetrics.contentType(""));
  }

  private static void answer(ModelMetrics model) {
    model.token(0, 1_000_000);
    model.finished("LENGTH", 5, 1, Duration.ZERO, Duration.ofSeconds(1));
  }

  @Test
  void aReadyModelHasItsSeriesBeforeTheFirstRequest() {
    String text = scrape();
    assertTrue(text.contains("calm_generated_tokens_total{model=\"a\",variant=\"calm\",} 0.0\n"));
    for (String outcome : ModelMetrics.OUTCOMES) {
      String labels = "{model=\"a\",variant=\"calm\",outcome=\"%s\",}".formatted(outcome);
      assertTrue(text.contains("calm_requests_total" + labels + " 0.0\n"), outcome);
    }
  }

  @Test
  void anUnloadedModelTakesItsSeriesWithIt() {
    answer(metrics.model("a", "calm"));
    answer(metrics.model("b", "calm"));
    models.set(List.of(B));
    String text = scrape();
    assertFalse(text.contains("model=\"a\""), text);
    assertTrue(
        text.contains(
            "calm_requests_total{model=\"b\",variant=\"calm\",outcome=\"length\",} 1.0\n"),
        text);
  }

  @Test
  void aRequestThatOutlivesItsModelBringsNothingBack() {
    ModelMetrics late = metrics.model("a", "calm");
    models.set(List.of(B));
    scrape();
    answer(late);
    assertFalse(scrape().contains("model=\"a\""));
    assertFalse(scrape().contains("model=\"a\""));
  }

  @Test
  void aModelThatIsLoadedAgainCountsFromZero() {
    answer(metrics.model("a", "calm"));
    models.set(List.of(B));
    scrape();
    models.set(List.of(A, B));
    answer(metrics.model("a", "calm"));
    assertTrue(
        scrape()
            .contains(
                "calm_requests_total{model=\"a\",variant=\"calm\",outcome=\"length\",} 1.0\n"));
  }

  @Test
  void theCountersOfAVariantThatWasReplacedStayUntilItsModelIsUnloaded() {
    ModelState rounded =
        new ModelState("m", "uniform-rtn", true, Optional.empty(), Optional.empty());
    ModelState.Scheduling counters =
        new ModelState.Scheduling(
            0, 0, 0, 0, 0, 0, 0, 0, 0, 70, 0, 0, 0, 0, new ModelState.Limits(0, 0));
    List<ModelState> states = new ArrayList<>(List.of(rounded));
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> List.copyOf(states));
    metrics
        .model("m", "uniform-rtn")
        .finished("LENGTH", 5, 3, Duration.ZERO, Duration.ofSeconds(1));
    metrics.text(CalmMetrics.contentType(""));

    states.clear();
    states.add(new ModelState("m", "calm", true, Optional.empty(), Optional.empty()));
    states.add(ModelState.retired("m", "uniform-rtn", counters));
    String text = metrics.text(CalmMetrics.contentType(""));
    String labels = "{model=\"m\",variant=\"uniform-rtn\",}";
    assertTrue(text.contains("calm_generated_tokens_total" + labels + " 3.0\n"), text);
    assertTrue(text.contains("calm_steps_total" + labels + " 70.0\n"), text);
    assertFalse(text.contains("calm_model_ready" + labels), text);

    states.clear();
    assertFalse(metrics.text(CalmMetrics.contentType("")).contains("model=\"m\""));
  }
}
