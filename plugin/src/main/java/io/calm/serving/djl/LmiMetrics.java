package io.calm.serving.djl;

import ai.djl.metric.Dimension;
import ai.djl.metric.Metric;
import ai.djl.metric.Metrics;
import ai.djl.metric.Unit;
import io.calm.generate.SchedulerStats;
import io.calm.metrics.AnswerListener;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * LMI's metrics per request, for a model with {@code log_request_metric=true}: {@code TokenLatency}
 * (microseconds), {@code TokenThroughput} (tokens per second), {@code OutputTokens} and {@code
 * RollingBatchSize}. As in LMI's rolling batch, each name collects {@code metrics_aggregation}
 * values, then its median and 90th percentile go to the logger {@code model_metric} as {@code
 * NAME_p50} and {@code NAME_p90} with the dimension {@code Model}. DJL Serving's Prometheus
 * appender shows them as gauges at {@code /server/metrics}.
 *
 * <p>Thread safe: during a swap, or with a uniform twin, several schedulers call it.
 */
final class LmiMetrics implements AnswerListener {
  private static final Logger modelMetric = LoggerFactory.getLogger("model_metric");

  private static final String ENABLED = "log_request_metric";
  private static final String AGGREGATION = "metrics_aggregation";
  private static final int DEFAULT_AGGREGATION = 1000;
  private static final int MAX_AGGREGATION = 1_000_000;

  /** The outcomes of answers; as in LMI, a failed generation is not measured. */
  private static final Set<String> ANSWERED = Set.of("length", "eos_token", "stop_sequence");

  private static final double NANOS_PER_SECOND = 1e9;
  private static final long NANOS_PER_MICRO = 1000;

  private final Metrics metrics = new Metrics();
  private final Dimension dimension;
  private final Supplier<SchedulerStats> stats;
  private long steps;
  private long sequences;

  /**
   * Creates the metrics of a model.
   *
   * @param name value of the dimension {@code Model}
   * @param stats statistics of the model's scheduler
   * @param aggregation number of values of a metric between two log records
   */
  LmiMetrics(String name, Supplier<SchedulerStats> stats, int aggregation) {
    this(name, stats, aggregation, metric -> modelMetric.info("{}", metric));
  }

  LmiMetrics(String name, Supplier<SchedulerStats> stats, int aggregation, Consumer<Metric> log) {
    this.dimension = new Dimension("Model", name);
    this.stats = stats;
    metrics.setLimit(aggregation);
    metrics.setOnLimit(
        (all, metric) -> {
          log.accept(all.percentile(metric, 50));
          log.accept(all.percentile(metric, 90));
        });
  }

  /**
   * Reads the two keys of a model, as in LMI with or without {@code option.}. Returns the
   * aggregation if the metrics are on.
   *
   * @throws IllegalArgumentException if the aggregation is not a number in its range
   */
  static Optional<Integer> aggregation(Map<String, String> properties) {
    if (!Boolean.parseBoolean(value(properties, ENABLED).orElse(""))) {
      return Optional.empty();
    }
    Optional<String> given = value(properties, AGGREGATION);
    if (given.isEmpty()) {
      return Optional.of(DEFAULT_AGGREGATION);
    }
    try {
      int number = Integer.parseInt(given.get());
      if (number >= 1 && number <= MAX_AGGREGATION) {
        return Optional.of(number);
      }
    } catch (NumberFormatException e) {
      throw invalid(given.get(), e);
    }
    throw invalid(given.get(), null);
  }

  private static IllegalArgumentException invalid(
      String given, @Nullable NumberFormatException cause) {
    return new IllegalArgumentException(
        "%s: expected a whole number from 1 to %d, got %s; correct it, or remove it for %d"
            .formatted(AGGREGATION, MAX_AGGREGATION, given, DEFAULT_AGGREGATION),
        cause);
  }

  private static Optional<String> value(Map<String, String> properties, String key) {
    return Optional.ofNullable(properties.get(key))
        .or(() -> Optional.ofNullable(properties.get("option." + key)))
        .map(String::strip);
  }

  /** {@inheritDoc} The first token after a step adds the step's number of sequences. */
  @Override
  public synchronized void token() {
    SchedulerStats now = stats.get();
    if (now.steps() < steps) { // another scheduler has taken over
      steps = 0;
      sequences = 0;
    }
    long made = now.steps() - steps;
    if (made > 0) {
      double size = (double) (now.stepSequences() - sequences) / made;
      metrics.addMetric("RollingBatchSize", size, Unit.COUNT_PER_ITEM, dimension);
      steps = now.steps();
      sequences = now.stepSequences();
    }
  }

  @Override
  public synchronized void finished(String outcome, int generated, Duration running) {
    long nanos = running.toNanos();
    if (generated == 0 || nanos <= 0 || !ANSWERED.contains(outcome)) {
      return;
    }
    metrics.addMetric(
        "TokenLatency", nanos / generated / NANOS_PER_MICRO, Unit.MICROSECONDS, dimension);
    metrics.addMetric(
        "TokenThroughput", generated * NANOS_PER_SECOND / nanos, Unit.COUNT_PER_SECOND, dimension);
    metrics.addMetric("OutputTokens", generated, Unit.COUNT_PER_ITEM, dimension);
  }
}
