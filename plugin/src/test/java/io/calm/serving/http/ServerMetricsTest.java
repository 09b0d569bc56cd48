package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.metrics.CalmMetrics;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ModelRegistry;
import io.calm.settings.ModelProperties;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A search seen by scrapes: while it runs, and after it has failed. */
class ServerMetricsTest {
  private static final ModelLoader.Order ORDER =
      new ModelLoader.Order(
          "m",
          "url",
          Path.of("m"),
          new ModelProperties(Path.of("."), Map.of()).settings(Map.of()),
          LmiOptions.DEFAULT,
          false);

  private final ModelRegistry registry = new ModelRegistry();
  private final CalmMetrics metrics = ServerMetrics.create(registry);

  private String scrape() {
    return metrics.text(CalmMetrics.contentType(""));
  }

  private static Progress searching(int evaluations) {
    return new Progress.Searching(
        new Progress.Position(1, 5),
        new Progress.Attempt("gptq", 1, 4),
        new Progress.Scores(evaluations, 0.5, "rtn"),
        3);
  }

  @Test
  void aLoadIsMeteredUntilItEnds() {
    ModelLoader.Loader failing =
        (order, progress) -> {
          progress.accept(new Progress.Step(Progress.Kind.WAITING_FOR_TURN));
          assertTrue(scrape().contains("calm_search_phase{model=\"m\",phase=\"waiting\",} 1.0\n"));
          progress.accept(searching(3));
          progress.accept(searching(7));
          String text = scrape();
          assertTrue(text.contains("calm_search_phase{model=\"m\",phase=\"searching\",} 1.0\n"));
          assertTrue(text.contains("calm_search_evaluations_total{model=\"m\",} 7.0\n"), text);
          throw new IllegalStateException("no more");
        };
    List<Progress> passedOn = new ArrayList<>();
    registry.loading("m", "url");
    assertThrows(
        IllegalStateException.class,
        () -> ServerMetrics.metered(failing, metrics).load(ORDER, passedOn::add));
    assertEquals(3, passedOn.size());
    String text = scrape();
    assertFalse(text.contains("calm_search_phase{"), text);
    assertTrue(text.contains("calm_search_evaluations_total{model=\"m\",} 7.0\n"), text);
    assertTrue(
        text.contains("calm_search_phase_seconds_total{model=\"m\",phase=\"searching\",}"), text);
    assertTrue(
        text.contains("calm_build_info{version=\"unpackaged\",commit=\"unknown\",kernels=\""),
        text);
    registry.close();
    assertFalse(scrape().contains("model=\"m\""));
  }

  /** As if the scrape had read the registry just before the model was in it. */
  @Test
  void aScrapeAtTheBeginningOfALoadDoesNotLoseItsMetrics() {
    ModelLoader.Loader failing =
        (order, progress) -> {
          progress.accept(new Progress.Step(Progress.Kind.WAITING_FOR_TURN));
          assertFalse(scrape().contains("model=\"m\""));
          registry.loading("m", "url");
          progress.accept(searching(3));
          String text = scrape();
          assertTrue(text.contains("calm_search_phase{model=\"m\",phase=\"searching\",} 1.0\n"));
          assertTrue(text.contains("calm_search_evaluations_total{model=\"m\",} 3.0\n"), text);
          throw new IllegalStateException("no more");
        };
    assertThrows(
        IllegalStateException.class,
        () -> ServerMetrics.metered(failing, metrics).load(ORDER, moment -> {}));
    assertFalse(scrape().contains("calm_search_phase{"), "the load has ended");
  }
}
