package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.prometheus.client.CollectorRegistry;
import io.prometheus.metrics.expositionformats.PrometheusTextFormatWriter;
import io.prometheus.metrics.model.registry.PrometheusRegistry;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** DJL Serving's endpoint, as its {@code MetricExporter} writes it, and a server without one. */
class ServerEndpointTest {
  private static final ModelState.Limits LIMITS = new ModelState.Limits(8, 16);
  private static final ModelState READY =
      new ModelState(
          "m",
          "calm",
          true,
          Optional.of(new ModelState.Scheduling(3, 4, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, LIMITS)),
          Optional.empty());

  @Test
  void theServersEndpointShowsTheMetricsUntilTheyAreTakenAway() throws IOException {
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> List.of(READY));
    ModelMetrics model = metrics.model("m", "calm");
    model.token(0, 20_000_000);
    model.finished("LENGTH", 5, 1, Duration.ZERO, Duration.ofSeconds(1));
    ServerEndpoint.Shown shown = ServerEndpoint.show(metrics).orElseThrow();
    try {
      String text = scrape();
      for (String line :
          List.of(
              "calm_requests_total{model=\"m\",outcome=\"length\",variant=\"calm\"} 1.0",
              "calm_preemptions_total{model=\"m\",variant=\"calm\"} 2.0",
              "calm_running_sequences{model=\"m\",variant=\"calm\"} 3.0",
              "calm_time_to_first_token_seconds_bucket{model=\"m\",variant=\"calm\",le=\"0.01\"} 0",
              "calm_time_to_first_token_seconds_bucket{model=\"m\",variant=\"calm\",le=\"0.025\"} 1",
              "calm_time_to_first_token_seconds_count{model=\"m\",variant=\"calm\"} 1",
              "calm_build_info{commit=\"unknown\",kernels=\"unknown\",version=\"unknown\"} 1",
              "# TYPE calm_queue_seconds histogram")) {
        assertTrue(text.contains(line + "\n"), line + " is missing in\n" + text);
      }
    } finally {
      shown.close();
    }
    assertFalse(scrape().contains("calm_"));
  }

  private static String scrape() throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new PrometheusTextFormatWriter(false).write(out, PrometheusRegistry.defaultRegistry.scrape());
    return out.toString(StandardCharsets.UTF_8);
  }

  /** Shows the metrics where the test asks for it: inside another class loader. */
  public static final class Attempt implements Supplier<Boolean> {
    @Override
    public Boolean get() {
      return ServerEndpoint.show(new CalmMetrics(new CollectorRegistry(), List::of)).isPresent();
    }
  }

  @Test
  void nothingHappensWhereTheServerHasNoRegistry() throws Exception {
    URL[] classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
            .map(Path::of)
            .filter(entry -> !entry.getFileName().toString().startsWith("prometheus-metrics-model"))
            .map(ServerEndpointTest::url)
            .toArray(URL[]::new);
    try (URLClassLoader loader =
        new URLClassLoader(classPath, ClassLoader.getPlatformClassLoader())) {
      Object attempt =
          loader.loadClass(Attempt.class.getName()).getDeclaredConstructor().newInstance();
      assertEquals(false, ((Supplier<?>) attempt).get());
    }
  }

  private static URL url(Path path) {
    try {
      return path.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
