package io.calm.metrics;

import io.calm.metrics.LoadMeter.Totals;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.CounterMetricFamily;
import io.prometheus.client.GaugeMetricFamily;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;

/**
 * The load meters of all models. Their series have the label {@code model} alone, because the
 * variant is known only at the end of a load. They end with the model.
 */
final class LoadMeters {
  private static final List<String> MODEL = List.of("model");
  private static final List<String> PHASE = List.of("model", "phase");

  private final Map<String, LoadMeter> meters = new ConcurrentHashMap<>();
  private final LongSupplier clock;

  LoadMeters(LongSupplier clock) {
    this.clock = clock;
  }

  LoadMeter of(String model) {
    return meters.computeIfAbsent(model, name -> new LoadMeter(clock));
  }

  List<MetricFamilySamples> collect(List<ModelState> models) {
    meters.keySet().retainAll(models.stream().map(ModelState::model).toList());
    CounterMetricFamily evaluations =
        new CounterMetricFamily(
            "calm_search_evaluations", "Candidates that searches have scored.", MODEL);
    CounterMetricFamily seconds =
        new CounterMetricFamily(
            "calm_search_phase_seconds", "Time of loads and searches, by phase.", PHASE);
    GaugeMetricFamily current =
        new GaugeMetricFamily(
            "calm_search_phase", "1 for the current phase of a load or search.", PHASE);
    new TreeMap<>(meters)
        .forEach(
            (model, meter) -> {
              Totals totals = meter.totals();
              evaluations.addMetric(List.of(model), (double) totals.evaluations());
              new TreeMap<>(totals.seconds())
                  .forEach((phase, time) -> seconds.addMetric(List.of(model, phase), time));
              totals.phase().ifPresent(phase -> current.addMetric(List.of(model, phase), 1));
            });
    return List.of(evaluations, seconds, current);
  }
}
