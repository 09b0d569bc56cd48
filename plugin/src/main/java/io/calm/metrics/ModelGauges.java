package io.calm.metrics;

import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.GaugeMetricFamily;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Gauges that are read off the models at each scrape, so that none outlives its model. */
final class ModelGauges {
  private static final List<String> LABELS = List.of("model", "variant");

  private ModelGauges() {}

  static List<MetricFamilySamples> collect(List<ModelState> states) {
    List<MetricFamilySamples> families = new ArrayList<>();
    families.add(
        gauge("calm_model_ready", "1 where the model answers.", states, s -> s.ready() ? 1 : 0));
    families.add(
        gauge("calm_running_sequences", "Sequences in a step.", states, ModelState::running));
    families.add(
        gauge("calm_waiting_requests", "Requests in the queue.", states, ModelState::waiting));
    List<ModelState> searches = states.stream().filter(s -> s.search().isPresent()).toList();
    families.add(search("calm_search_block", "Block at hand, from 0.", searches, s -> s.block()));
    families.add(search("calm_search_blocks", "Blocks in all.", searches, s -> s.blocks()));
    families.add(
        search(
            "calm_search_evaluations",
            "Candidates scored so far.",
            searches,
            s -> s.evaluations()));
    families.add(search("calm_search_last_score", "The last score.", searches, s -> s.lastScore()));
    families.add(
        search(
            "calm_search_elapsed_seconds",
            "Since the load began.",
            searches,
            s -> s.elapsedSeconds()));
    families.add(
        search(
            "calm_search_remaining_seconds",
            "Estimated seconds left.",
            searches,
            s -> s.etaSeconds()));
    return families;
  }

  private static GaugeMetricFamily gauge(
      String name, String help, List<ModelState> states, ToDoubleFunction<ModelState> value) {
    GaugeMetricFamily family = new GaugeMetricFamily(name, help, LABELS);
    for (ModelState state : states) {
      family.addMetric(List.of(state.model(), state.variant()), value.applyAsDouble(state));
    }
    return family;
  }

  private static GaugeMetricFamily search(
      String name,
      String help,
      List<ModelState> searches,
      Function<ModelState.Search, Number> value) {
    return gauge(
        name,
        help,
        searches,
        state ->
            state.search().map(search -> value.apply(search).doubleValue()).orElse(Double.NaN));
  }
}
