package io.calm.metrics;

import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.Counter;
import io.prometheus.client.Histogram;
import io.prometheus.client.SimpleCollector;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Counters and histograms of all models, updated by requests and read by scrapes. */
final class Meters {
  private static final String[] LABELS = {"model", "variant"};
  private static final double[] WAITS = {
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120
  };
  private static final double[] STEPS = {
    0.001, 0.0025, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10
  };
  private static final double[] ANSWERS = {
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
  };

  private final Counter requests =
      Counter.build("calm_requests_total", "Generations that ended or were refused, by outcome.")
          .labelNames("model", "variant", "outcome")
          .create();
  private final Counter promptTokens =
      Counter.build("calm_prompt_tokens_total", "Tokens of prompts whose generation ended.")
          .labelNames(LABELS)
          .create();
  private final Counter generatedTokens =
      Counter.build("calm_generated_tokens_total", "Tokens that were generated.")
          .labelNames(LABELS)
          .create();
  private final Histogram queue =
      histogram("calm_queue_seconds", "From submission to the first step.", WAITS);
  private final Histogram firstToken =
      histogram("calm_time_to_first_token_seconds", "From submission to the first token.", WAITS);
  private final Histogram interToken =
      histogram("calm_inter_token_seconds", "Between two tokens of a generation.", STEPS);
  private final Histogram duration =
      histogram("calm_request_seconds", "From submission to the end.", ANSWERS);
  private final List<SimpleCollector<?>> all =
      List.of(requests, promptTokens, generatedTokens, queue, firstToken, interToken, duration);

  private static Histogram histogram(String name, String help, double[] buckets) {
    return Histogram.build(name, help).labelNames(LABELS).buckets(buckets).create();
  }

  ModelMetrics model(String model, String variant, Optional<AnswerListener> listener) {
    return new ModelMetrics(this, model, variant, listener);
  }

  /**
   * Returns the series of these models and ends all others. The series of a ready model start at 0.
   */
  List<MetricFamilySamples> collect(List<ModelState> models) {
    Set<List<String>> living = new HashSet<>();
    for (ModelState state : models) {
      living.add(List.of(state.model(), state.variant()));
      if (state.ready()) {
        model(state.model(), state.variant(), Optional.empty());
      }
    }
    List<MetricFamilySamples> families = new ArrayList<>();
    for (SimpleCollector<?> collector : all) {
      for (MetricFamilySamples family : collector.collect()) {
        families.add(living(collector, family, living));
      }
    }
    return families;
  }

  /**
   * Returns the samples of the living models. A request that outlives its model may add a sample
   * later, which the next scrape removes.
   */
  private static MetricFamilySamples living(
      SimpleCollector<?> collector, MetricFamilySamples family, Set<List<String>> living) {
    List<MetricFamilySamples.Sample> samples = new ArrayList<>(family.samples.size());
    for (MetricFamilySamples.Sample sample : family.samples) {
      if (sample.name.endsWith("_created")) {
        continue; // the start time of a series is not needed and doubles the size of a scrape
      }
      if (living.contains(sample.labelValues.subList(0, LABELS.length))) {
        samples.add(sample);
      } else {
        remove(collector, sample);
      }
    }
    return new MetricFamilySamples(family.name, family.type, family.help, samples);
  }

  private static void remove(SimpleCollector<?> collector, MetricFamilySamples.Sample sample) {
    // The samples of a histogram have the label le beyond its own.
    int labels = collector instanceof Histogram ? LABELS.length : sample.labelNames.size();
    collector.remove(sample.labelValues.subList(0, labels).toArray(String[]::new));
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
