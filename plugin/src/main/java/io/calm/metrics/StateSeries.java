package io.calm.metrics;

import io.calm.metrics.ModelState.Artifact;
import io.calm.metrics.ModelState.Blocks;
import io.calm.metrics.ModelState.Scheduling;
import io.calm.metrics.ModelState.SearchState;
import io.prometheus.client.Collector;
import io.prometheus.client.Collector.MetricFamilySamples;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;

/** Series that are computed from the state of the models at each scrape. */
final class StateSeries {
  private static final List<String> LABELS = List.of("model", "variant");

  private static final List<StateSeries> ALL =
      List.of(
          new StateSeries(
              Collector.Type.GAUGE,
              "calm_model_ready",
              "1 where the model answers.",
              s -> s.retired() ? Optional.empty() : Optional.of(s.ready() ? 1.0 : 0.0)),
          scheduling(
              Collector.Type.GAUGE, "calm_running_sequences", "At work.", Scheduling::running),
          scheduling(
              Collector.Type.GAUGE, "calm_waiting_requests", "In the queue.", Scheduling::waiting),
          scheduling(
              Collector.Type.GAUGE,
              "calm_paused_generations",
              "Until their clients read.",
              Scheduling::paused),
          scheduling(
              Collector.Type.GAUGE,
              "calm_running_sequences_limit",
              "Maximum at work.",
              s -> s.limits().running()),
          scheduling(
              Collector.Type.GAUGE,
              "calm_waiting_requests_limit",
              "Maximum in the queue.",
              s -> s.limits().waiting()),
          scheduling(
              Collector.Type.GAUGE, "calm_kv_blocks", "Of keys and values.", Scheduling::blocks),
          scheduling(
              Collector.Type.GAUGE,
              "calm_kv_blocks_used",
              "Held by sequences.",
              Scheduling::usedBlocks),
          scheduling(
              Collector.Type.GAUGE,
              "calm_kv_blocks_cached",
              "Kept for prefixes.",
              Scheduling::cachedBlocks),
          scheduling(
              Collector.Type.COUNTER,
              "calm_prefix_tokens",
              "Tokens of prompts that were looked up in the prefix cache.",
              Scheduling::prefixTokens),
          scheduling(
              Collector.Type.COUNTER,
              "calm_prefix_hit_tokens",
              "Of these, found there and not computed again.",
              Scheduling::prefixHitTokens),
          scheduling(
              Collector.Type.COUNTER,
              "calm_preemptions",
              "Sequences that gave their blocks up for others.",
              Scheduling::preemptions),
          scheduling(Collector.Type.COUNTER, "calm_steps", "Of the decoder.", Scheduling::steps),
          scheduling(
              Collector.Type.COUNTER,
              "calm_step_tokens",
              "Tokens of all steps.",
              Scheduling::stepTokens),
          scheduling(
              Collector.Type.COUNTER,
              "calm_step_sequences",
              "Sequences of all steps.",
              Scheduling::stepSequences),
          scheduling(
              Collector.Type.COUNTER,
              "calm_speculated_tokens",
              "Predicted tokens that steps verified.",
              Scheduling::proposedTokens),
          scheduling(
              Collector.Type.COUNTER,
              "calm_speculated_accepted_tokens",
              "Of these, right ones, which took no step of their own.",
              Scheduling::acceptedTokens),
          artifact("calm_artifact_bytes", "Size of the artifact's files.", Artifact::bytes),
          artifact(
              "calm_artifact_created_timestamp_seconds",
              "Time at which the artifact was published.",
              artifact -> artifact.created().getEpochSecond()),
          blocks("calm_search_block", "Current block, from 0.", Blocks::block),
          blocks("calm_search_blocks", "Number of blocks.", Blocks::blocks),
          blocks("calm_search_last_score", "The last score.", Blocks::lastScore),
          search(
              "calm_search_elapsed_seconds", "Since the load began.", SearchState::elapsedSeconds),
          search(
              "calm_search_remaining_seconds", "Estimated seconds left.", SearchState::etaSeconds));

  private final Collector.Type type;
  private final String name;
  private final String help;
  private final Function<ModelState, Optional<Double>> value;

  private StateSeries(
      Collector.Type type, String name, String help, Function<ModelState, Optional<Double>> value) {
    this.type = type;
    this.name = name;
    this.help = help;
    this.value = value;
  }

  private static StateSeries scheduling(
      Collector.Type type, String name, String help, ToDoubleFunction<Scheduling> value) {
    return new StateSeries(type, name, help, state -> state.scheduling().map(value::applyAsDouble));
  }

  private static StateSeries artifact(String name, String help, ToDoubleFunction<Artifact> value) {
    return new StateSeries(
        Collector.Type.GAUGE, name, help, state -> state.artifact().map(value::applyAsDouble));
  }

  private static StateSeries blocks(String name, String help, ToDoubleFunction<Blocks> value) {
    return new StateSeries(
        Collector.Type.GAUGE,
        name,
        help,
        state -> state.search().flatMap(SearchState::blocks).map(value::applyAsDouble));
  }

  private static StateSeries search(String name, String help, ToDoubleFunction<SearchState> value) {
    return new StateSeries(
        Collector.Type.GAUGE, name, help, state -> state.search().map(value::applyAsDouble));
  }

  /** Returns all families. A model has samples in those families whose state it has. */
  static List<MetricFamilySamples> collect(List<ModelState> states) {
    return ALL.stream().map(series -> series.family(states)).toList();
  }

  private MetricFamilySamples family(List<ModelState> states) {
    String sample = type == Collector.Type.COUNTER ? name + "_total" : name;
    List<MetricFamilySamples.Sample> samples = new ArrayList<>();
    for (ModelState state : states) {
      value
          .apply(state)
          .ifPresent(
              number ->
                  samples.add(
                      new MetricFamilySamples.Sample(
                          sample, LABELS, List.of(state.model(), state.variant()), number)));
    }
    return new MetricFamilySamples(name, type, help, samples);
  }
}
