package io.calm.loadtest;

import io.calm.loadtest.client.Schema;
import io.calm.loadtest.client.StreamingClient.Target;
import io.calm.loadtest.work.Range;
import io.calm.loadtest.work.Workload.Mix;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Properties;

/**
 * The options of a run, read from system properties; README.md lists them.
 *
 * @param users concurrent users of a closed load
 * @param rate requests per second of an open load
 * @param baseline whether one stream is measured before
 * @param singles answers of that one stream
 * @param probes short prompts that are timed before the load
 * @param metrics of the server; empty for none
 * @param result file that gets the figures as JSON; empty for none
 */
record Options(
    Profile profile,
    Target target,
    Mix mix,
    int users,
    double rate,
    int seconds,
    boolean baseline,
    int singles,
    int probes,
    Goals goals,
    Optional<URI> metrics,
    OptionalLong serverPid,
    Optional<Path> result) {

  /** Old names of properties by their names; they still work in this release. */
  private static final Map<String, String> OLD_NAMES =
      Map.of(
          "minSpeedup", "leastSpeedup",
          "maxFirstToken", "mostFirstToken",
          "maxGrowth", "mostGrowth");

  /**
   * The goals of a run beyond correct answers.
   *
   * @param minSpeedup minimum ratio of tokens per second, under load to one stream
   * @param maxFirstToken maximum ratio of a short prompt's time to first token, under load to
   *     without load
   * @param maxGrowth maximum growth of the server's memory
   */
  record Goals(OptionalDouble minSpeedup, OptionalDouble maxFirstToken, OptionalDouble maxGrowth) {}

  /** Reads the properties, of which all may be missing. */
  static Options of(Properties properties) {
    String name = properties.getProperty("profile", "closed");
    return new Reader(Profile.valueOf(name.toUpperCase(Locale.ROOT)), properties).read();
  }

  private record Reader(Profile profile, Properties properties) {
    Options read() {
      return new Options(
          profile,
          target(),
          mix(),
          Integer.parseInt(text("users")),
          Double.parseDouble(text("rate")),
          Integer.parseInt(text("seconds")),
          Boolean.parseBoolean(text("baseline")),
          Integer.parseInt(text("singles")),
          Integer.parseInt(text("probes")),
          new Goals(goal("minSpeedup"), goal("maxFirstToken"), goal("maxGrowth")),
          metrics(),
          text("serverPid").isEmpty()
              ? OptionalLong.empty()
              : OptionalLong.of(Long.parseLong(text("serverPid"))),
          Optional.of(text("result")).filter(file -> !file.isEmpty()).map(Path::of));
    }

    private Target target() {
      return new Target(
          URI.create(text("baseUrl")),
          Schema.valueOf(text("schema").toUpperCase(Locale.ROOT)),
          text("model"),
          text("apiKey").isEmpty()
              ? System.getenv().getOrDefault("CALM_API_KEY", "")
              : text("apiKey"),
          Duration.ofSeconds(Long.parseLong(text("timeout"))));
    }

    private Mix mix() {
      return new Mix(
          Range.of(text("words")),
          Range.of(text("tokens")),
          Integer.parseInt(text("deck")),
          Double.parseDouble(text("checked")),
          Double.parseDouble(text("hangUps")),
          Boolean.parseBoolean(text("ignoreEos")),
          Long.parseLong(text("seed")));
    }

    private Optional<URI> metrics() {
      return switch (text("metrics")) {
        case "auto" -> Optional.of(URI.create(text("baseUrl")).resolve("/calm/metrics"));
        case "none" -> Optional.empty();
        default -> Optional.of(URI.create(text("metrics")));
      };
    }

    private OptionalDouble goal(String key) {
      String value = text(key);
      return value.isEmpty()
          ? OptionalDouble.empty()
          : OptionalDouble.of(Double.parseDouble(value));
    }

    private String text(String key) {
      return Optional.ofNullable(properties.getProperty(key))
          .or(() -> renamed(key))
          .orElseGet(() -> profile.defaultOf(key));
    }

    /** Returns the value given under the name that a property had before it was renamed. */
    private Optional<String> renamed(String key) {
      Optional<String> old = Optional.ofNullable(OLD_NAMES.get(key));
      Optional<String> value = old.map(properties::getProperty);
      if (value.isPresent()) {
        System.out.printf("The property %s is now called %s.%n", old.orElseThrow(), key);
      }
      return value;
    }
  }
}
