package io.calm.metrics;

import io.calm.testing.Repository;
import io.prometheus.client.Collector.MetricFamilySamples;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The tables of docs/reference/metrics.md. */
public final class MetricTable {
  private static final Pattern ROW =
      Pattern.compile("\\| `((?:calm|process|jvm)_\\w+)` \\| (\\w+) \\|([^|]*)\\|.*");

  private MetricTable() {}

  /**
   * A metric.
   *
   * @param type in lower case
   */
  public record Row(String type, Set<String> labels) {
    /** Returns the names of its samples in the text format. */
    public Set<String> samples(String name) {
      return switch (type) {
        case "histogram" -> Set.of(name + "_bucket", name + "_count", name + "_sum");
        case "summary" -> Set.of(name + "_count", name + "_sum");
        default -> Set.of(name);
      };
    }
  }

  /** Returns the documented metrics by name. */
  public static Map<String, Row> documented() throws IOException {
    Map<String, Row> rows = new TreeMap<>();
    for (String line : Files.readAllLines(Repository.path("docs/reference/metrics.md"))) {
      Matcher row = ROW.matcher(line);
      if (row.matches() && rows.put(row.group(1), row(row)) != null) {
        throw new IllegalStateException("docs/reference/metrics.md: two rows of " + row.group(1));
      }
    }
    return rows;
  }

  private static Row row(Matcher row) {
    Set<String> labels = new TreeSet<>();
    Matcher label = Pattern.compile("`(\\w+)`").matcher(row.group(3));
    while (label.find()) {
      labels.add(label.group(1));
    }
    return new Row(row.group(2), labels);
  }

  /** Returns the metrics of a registry by name. */
  static Map<String, Row> of(List<MetricFamilySamples> families) {
    Map<String, Row> rows = new TreeMap<>();
    for (MetricFamilySamples family : families) {
      Set<String> labels = new TreeSet<>();
      family.samples.forEach(sample -> labels.addAll(sample.labelNames));
      labels.removeAll(Set.of("le", "quantile"));
      switch (family.type) {
        case COUNTER -> rows.put(family.name + "_total", new Row("counter", labels));
        case INFO -> rows.put(family.name + "_info", new Row("gauge", labels)); // as in text 0.0.4
        default ->
            rows.put(family.name, new Row(family.type.name().toLowerCase(Locale.ROOT), labels));
      }
    }
    return rows;
  }
}
