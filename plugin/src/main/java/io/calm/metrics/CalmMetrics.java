package io.calm.metrics;

import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import io.prometheus.client.Counter;
import io.prometheus.client.Histogram;
import io.prometheus.client.exporter.common.TextFormat;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Supplier;

/**
 * Every metric of CALM, in one registry. Names begin with {@code calm_}, units are seconds and
 * tokens; docs/metrics.md lists them.
 */
public final class CalmMetrics {
  private static final String[] LABELS = {"model", "variant"};
  private static final double[] WAITS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120
  };
  private static final double[] STEPS = {
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5
  };

  private final CollectorRegistry registry;
  private final Counter requests;
  private final Counter promptTokens;
  private final Counter generatedTokens;
  private final Histogram queue;
  private final Histogram firstToken;
  private final Histogram interToken;
  private final Histogram duration;

  /**
   * Registers the metrics.
   *
   * @param models asked at each scrape
   * @throws IllegalArgumentException if they are registered there already
   */
  public CalmMetrics(CollectorRegistry registry, Supplier<List<ModelState>> models) {
    this.registry = registry;
    this.requests =
        Counter.build("calm_requests_total", "Generations that ended, by outcome.")
            .labelNames("model", "variant", "outcome")
            .register(registry);
    this.promptTokens =
        Counter.build("calm_prompt_tokens_total", "Tokens of prompts whose generation ended.")
            .labelNames(LABELS)
            .register(registry);
    this.generatedTokens =
        Counter.build("calm_generated_tokens_total", "Tokens that ended generations generated.")
            .labelNames(LABELS)
            .register(registry);
    this.queue = histogram("calm_queue_seconds", "From submission to the first step.", WAITS);
    this.firstToken =
        histogram("calm_time_to_first_token_seconds", "From submission to the first token.", WAITS);
    this.interToken =
        histogram("calm_inter_token_seconds", "Between two tokens of a generation.", STEPS);
    this.duration = histogram("calm_request_seconds", "From submission to the end.", WAITS);
    registry.register(new ModelGauges(models));
  }

  private Histogram histogram(String name, String help, double[] buckets) {
    return Histogram.build(name, help).labelNames(LABELS).buckets(buckets).register(registry);
  }

  /** Returns the meters of one model. */
  public ModelMetrics model(String model, String variant) {
    return new ModelMetrics(this, model, variant);
  }

  /**
   * Returns everything in a text format of Prometheus.
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
    return java.util.Collections.list(registry.metricFamilySamples());
  }

  Counter requests() {
    return requests;
  }

  Counter promptTokens() {
    return promptTokens;
  }

  Counter generatedTokens() {
    return generatedTokens;
  }

  Histogram queue() {
    return queue;
  }

  Histogram firstToken() {
    return firstToken;
  }

  Histogram interToken() {
    return interToken;
  }

  Histogram duration() {
    return duration;
  }
}
