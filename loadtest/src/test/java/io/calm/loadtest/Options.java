package io.calm.loadtest;

import io.calm.loadtest.client.Schema;
import io.calm.loadtest.client.StreamingClient.Target;
import io.calm.loadtest.work.Range;
import io.calm.loadtest.work.Workload.Mix;
import java.net.URI;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Properties;

/**
 * A run, as the command's system properties say it; README.md lists them.
 *
 * @param users at once, of a closed load
 * @param rate requests a second, of an open load
 * @param baseline whether one stream is measured before
 * @param singles answers of that one stream
 * @param probes short prompts that are timed before the load
 * @param metrics of the server; empty for none
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
    OptionalLong serverPid) {

  /**
   * What must hold beyond right answers.
   *
   * @param leastSpeedup tokens a second under load over those of one stream
   * @param mostFirstToken time to first token of a short prompt under load over that without
   * @param mostGrowth of the server's memory
   */
  record Goals(
      OptionalDouble leastSpeedup, OptionalDouble mostFirstToken, OptionalDouble mostGrowth) {}

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
          new Goals(goal("leastSpeedup"), goal("mostFirstToken"), goal("mostGrowth")),
          metrics(),
          text("serverPid").isEmpty()
              ? OptionalLong.empty()
              : OptionalLong.of(Long.parseLong(text("serverPid"))));
    }

    private Target target() {
      return new Target(
          URI.create(text("baseUrl")),
          Schema.valueOf(text("schema").toUpperCase(Locale.ROOT)),
          text("model"),
          text("apiKey"),
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
      return text(key).isEmpty()
          ? OptionalDouble.empty()
          : OptionalDouble.of(Double.parseDouble(text(key)));
    }

    private String text(String key) {
      return properties.getProperty(key, profile.defaultOf(key));
    }
  }
}
