package io.calm.metrics;

import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.CounterMetricFamily;
import java.util.List;
import java.util.TreeMap;

/** Series that belong to no model: the build and the artifact store. */
final class ServerSeries {
  private ServerSeries() {}

  static List<MetricFamilySamples> collect(ServerState state) {
    InfoFamily build =
        new InfoFamily(
            "calm_build", "The labels name the build.", List.of("version", "commit", "kernels"));
    ServerState.Build of = state.build();
    build.add(List.of(of.version(), of.commit(), of.kernels()));
    CounterMetricFamily lookups =
        new CounterMetricFamily(
            "calm_artifact_lookups",
            "Lookups in the artifact store, by outcome: hit, miss, corrupt.",
            List.of("outcome"));
    new TreeMap<>(state.artifactLookups())
        .forEach((outcome, count) -> lookups.addMetric(List.of(outcome), (double) count));
    return List.of(build.samples(), lookups);
  }
}
