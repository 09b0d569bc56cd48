package io.calm.metrics;

import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.exporter.common.TextFormat;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Supplier;

/**
 * All metrics of CALM, in one registry. Names begin with {@code calm_}; units are seconds and
 * tokens. docs/reference/metrics.md lists them. A measurement never waits for a scrape. Thread
 * safe.
 */
public final class CalmMetrics {
  private final CollectorRegistry registry;
  private final Meters meters = new Meters();

  /**
   * Registers the metrics.
   *
   * @param models called once per scrape; series of models that it does not return end
   */
  public CalmMetrics(CollectorRegistry registry, Supplier<List<ModelState>> models) {
    this.registry = registry;
    registry.register(
        new Collector() {
          @Override
          public List<MetricFamilySamples> collect() {
            return families(models.get());
          }
        });
  }

  private List<Collector.MetricFamilySamples> families(List<ModelState> models) {
    List<Collector.MetricFamilySamples> families = new ArrayList<>(meters.collect(models));
    families.addAll(StateSeries.collect(models));
    families.addAll(DeviationSeries.collect(models));
    families.add(ProcessMemory.collect());
    return families;
  }

  /** Returns the meters of one model. */
  public ModelMetrics model(String model, String variant) {
    return meters.model(model, variant);
  }

  /**
   * Returns all metrics in a text format of Prometheus.
   *
   * @param contentType {@link #contentType} of the scraper's Accept header
   */
  public String text(String contentType) {
    StringWriter text = new StringWriter();
    try {
      TextFormat.writeFormat(contentType, text, registry.metricFamilySamples());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return text.toString();
  }

  /** Returns the best Content-Type for an Accept header, which may be empty. */
  public static String contentType(String accept) {
    return TextFormat.chooseContentType(accept);
  }

  /** Returns all metric families, e.g. to compare them with their documentation. */
  public List<Collector.MetricFamilySamples> families() {
    return Collections.list(registry.metricFamilySamples());
  }

  CollectorRegistry registry() {
    return registry;
  }
}
