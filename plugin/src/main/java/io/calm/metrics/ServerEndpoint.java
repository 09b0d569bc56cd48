package io.calm.metrics;

import io.prometheus.metrics.model.registry.PrometheusRegistry;
import io.prometheus.metrics.simpleclient.bridge.SimpleclientCollector;
import java.util.Optional;

/**
 * Publishes the metrics at the endpoint of the surrounding server, beside its own. DJL Serving
 * scrapes the default registry of prometheus-metrics, the successor of simpleclient, at {@code GET
 * /server/metrics}. The classes must be the server's, not ours, or the registry would be another
 * one.
 */
public final class ServerEndpoint {
  private static final String REGISTRY = "io.prometheus.metrics.model.registry.PrometheusRegistry";

  private ServerEndpoint() {}

  /** A publication of the metrics. */
  public interface Shown extends AutoCloseable {
    /** Ends the publication. */
    @Override
    void close();
  }

  /**
   * Publishes the metrics from the next scrape on. Returns empty if the server has no such
   * registry, as in the embedded host.
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

  /** Isolates the classes of the registry, which are loaded only if they are present. */
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
