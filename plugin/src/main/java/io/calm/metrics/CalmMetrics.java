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
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * All metrics of CALM. Its own names begin with {@code calm_}; units are seconds, bytes and tokens.
 * The process and the JVM have the usual names. docs/reference/metrics.md lists all. A measurement
 * never waits for a scrape. Thread safe.
 */
public final class CalmMetrics {
  private static final ServerState UNKNOWN =
      new ServerState(new ServerState.Build("unknown", "unknown", "unknown"), Map.of());

  private final CollectorRegistry registry;
  private final CollectorRegistry jvm = JvmMetrics.registry();
  private final Meters meters = new Meters();
  private final LoadMeters loads = new LoadMeters(System::nanoTime);
  private final ResponseMeter responses = new ResponseMeter();
  private final Map<String, AnswerListener> listeners = new ConcurrentHashMap<>();
  private final Supplier<ServerState> server;

  /** Registers the metrics of a server whose build and store are not known. */
  public CalmMetrics(CollectorRegistry registry, Supplier<List<ModelState>> models) {
    this(registry, models, () -> UNKNOWN);
  }

  /**
   * Registers the metrics.
   *
   * @param models called once per scrape; series of models that it does not return end
   * @param server called once per scrape
   */
  public CalmMetrics(
      CollectorRegistry registry, Supplier<List<ModelState>> models, Supplier<ServerState> server) {
    this.registry = registry;
    this.server = server;
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
    families.addAll(PlanSeries.collect(models));
    families.addAll(loads.collect(models));
    families.addAll(ServerSeries.collect(server.get()));
    families.add(responses.collect());
    families.addAll(DeviationSeries.collect(models));
    families.add(ProcessMemory.collect());
    families.add(ProcessMemory.limit());
    return families;
  }

  /** Returns the meters of one model. */
  public ModelMetrics model(String model, String variant) {
    return meters.model(model, variant, Optional.ofNullable(listeners.get(model)));
  }

  /** Returns the meter of a model's loads. */
  public LoadMeter loads(String model) {
    return loads.of(model);
  }

  /** Returns the meter of the stand-alone server's responses. */
  public ResponseMeter responses() {
    return responses;
  }

  /** Passes the events of a model's later requests to {@code listener} too. */
  public void listen(String model, AnswerListener listener) {
    listeners.put(model, listener);
  }

  /** Ends {@link #listen} for a model, if {@code listener} is still its listener. */
  public void unlisten(String model, AnswerListener listener) {
    listeners.remove(model, listener);
  }

  /**
   * Returns all metrics in a text format of Prometheus.
   *
   * @param contentType {@link #contentType} of the scraper's Accept header
   */
  public String text(String contentType) {
    StringWriter text = new StringWriter();
    try {
      TextFormat.writeFormat(contentType, text, Collections.enumeration(families()));
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
    List<Collector.MetricFamilySamples> families = Collections.list(registry.metricFamilySamples());
    families.addAll(Collections.list(jvm.metricFamilySamples()));
    return families;
  }

  /** Returns the registry of all metrics but those of the process and the JVM. */
  CollectorRegistry registry() {
    return registry;
  }
}
