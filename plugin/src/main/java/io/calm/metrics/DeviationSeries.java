package io.calm.metrics;

import io.calm.metrics.ModelState.Deviation;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.GaugeMetricFamily;
import java.util.List;
import java.util.function.ToDoubleFunction;

/** Gauges of the latency against the uniform twin, with the bounds of the 95 % interval. */
final class DeviationSeries {
  private static final String NAME = "calm_uniform_latency_deviation_ratio";
  private static final List<String> LABELS =
      List.of("model", "variant", "baseline", "phase", "sequences");

  private DeviationSeries() {}

  /** Returns all families. A model has samples of the steps whose interval is known. */
  static List<MetricFamilySamples> collect(List<ModelState> models) {
    return List.of(
        family(
            NAME,
            "Step time of the served plan over the uniform twin's, less 1.",
            models,
            Deviation::ratio),
        family(NAME + "_low", "Lower bound of its 95 % interval.", models, Deviation::low),
        family(NAME + "_high", "Upper bound of its 95 % interval.", models, Deviation::high));
  }

  private static MetricFamilySamples family(
      String name, String help, List<ModelState> models, ToDoubleFunction<Deviation> value) {
    GaugeMetricFamily family = new GaugeMetricFamily(name, help, LABELS);
    for (ModelState model : models) {
      for (Deviation deviation : model.deviations()) {
        family.addMetric(
            List.of(
                model.model(),
                model.variant(),
                deviation.twin(),
                deviation.phase(),
                Integer.toString(deviation.sequences())),
            value.applyAsDouble(deviation));
      }
    }
    return family;
  }
}
