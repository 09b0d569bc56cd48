package io.calm.metrics;

import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.simpleclient.bridge.SimpleclientCollector;
import java.util.Optional;

/**
 * Shows the metrics at the endpoint of the server that this runs in, beside the server's own. DJL
 * Serving scrapes the default registry of prometheus-metrics, the library after simpleclient, at
 * {@code GET /server/metrics}; the classes are the server's, never ours, or the registry would be
 * another one.
 */
public final class ServerEndpoint {
  private static final String REGISTRY = "io.prometheus.metrics.model.registry.PrometheusRegistry";

  private ServerEndpoint() {}

  /** What was shown at the endpoint. */
  public interface Shown extends AutoCloseable {
    /** Takes the metrics away again. */
    @Override
    void close();
  }

  /**
   * Shows the metrics from the next scrape on; empty where the server has no such registry, as the
   * embedded host.
   */
  public static Optional<Shown> show(CalmMetrics metrics) {
    return isThere() ? Optional.of(Bridge.register(metrics)) : Optional.empty();
  }

  private static boolean isThere() {
    try {
      Class.forName(REGISTRY, false, ServerEndpoint.class.getClassLoader());
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    }
  }

  /** Touched only where the registry's classes are there. */
  private static final class Bridge {
    static Shown register(CalmMetrics metrics) {
      SimpleclientCollector collector =
          SimpleclientCollector.builder()
              .collectorRegistry(metrics.registry())
              .register(PrometheusRegistry.defaultRegistry);
      return () -> PrometheusRegistry.defaultRegistry.unregister(collector);
    }
  }
}
