package io.calm.metrics;

import io.prometheus.client.Collector;
import io.prometheus.client.Collector.MetricFamilySamples;
import java.util.ArrayList;
import java.util.List;

/**
 * A metric whose labels are its content; its value is always 1. A gauge of the same name would lose
 * the suffix {@code _info} in prometheus-metrics, which reserves it for this type.
 */
final class InfoFamily {
  private static final String SUFFIX = "_info";

  private final String name;
  private final String help;
  private final List<String> labels;
  private final List<MetricFamilySamples.Sample> samples = new ArrayList<>();

  /**
   * Creates a family without samples.
   *
   * @param name the name without {@code _info}
   */
  InfoFamily(String name, String help, List<String> labels) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  void add(List<String> values) {
    samples.add(new MetricFamilySamples.Sample(name + SUFFIX, labels, values, 1));
  }

  MetricFamilySamples samples() {
    return new MetricFamilySamples(name, Collector.Type.INFO, help, samples);
  }
}
