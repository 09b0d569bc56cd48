package io.calm.loadtest.server;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One answer of a Prometheus endpoint. */
public record Scrape(List<Sample> samples) {
  private static final Pattern LINE =
      Pattern.compile("([a-zA-Z_:][\\w:]*)(?:\\{.*})?\\s+(\\S+)(\\s+\\d+)?");

  /** One line, without its labels. */
  public record Sample(String name, double value) {}

  /** Reads text format 0.0.4. */
  public static Scrape parse(String text) {
    List<Sample> samples = new ArrayList<>();
    text.lines()
        .filter(line -> !line.startsWith("#"))
        .map(LINE::matcher)
        .filter(Matcher::matches)
        .forEach(line -> samples.add(new Sample(line.group(1), number(line.group(2)))));
    return new Scrape(samples);
  }

  private static double number(String text) {
    return switch (text) {
      case "+Inf" -> Double.POSITIVE_INFINITY;
      case "-Inf" -> Double.NEGATIVE_INFINITY;
      default -> Double.parseDouble(text);
    };
  }

  /** Returns the sum of a metric over its labels; empty where the server has none of that name. */
  public OptionalDouble sum(String name) {
    List<Sample> named = samples.stream().filter(sample -> sample.name().equals(name)).toList();
    return named.isEmpty()
        ? OptionalDouble.empty()
        : OptionalDouble.of(named.stream().mapToDouble(Sample::value).sum());
  }
}
