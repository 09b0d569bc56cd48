package io.calm.loadtest;

import java.util.Map;

/** Kinds of load, each with defaults for what the command does not say. */
@SuppressWarnings("ImmutableEnumChecker") // its maps are
enum Profile {
  /** So many users at once, each asking again when its answer is there. */
  CLOSED(Map.of("users", "8", "seconds", "30")),
  /** Requests that arrive at random, so many a second, however long the answers take. */
  OPEN(Map.of("rate", "1", "seconds", "60")),
  /** Streams at once against one stream, and what a short prompt waits for beside them. */
  THROUGHPUT(
      Map.of(
          "users", "8",
          "seconds", "40",
          "words", "8..16",
          "tokens", "128",
          "ignoreEos", "true",
          "deck", "4",
          "checked", "0.25",
          "baseline", "true",
          "minSpeedup", "4",
          "maxFirstToken", "3")),
  /** Many clients for a long time; some hang up. */
  SOAK(
      Map.of(
          "users", "32",
          "seconds", "600",
          "words", "1..200",
          "tokens", "1..128",
          "deck", "24",
          "hangUps", "0.1",
          "maxGrowth", "0.05"));

  static final Map<String, String> COMMON =
      Map.ofEntries(
          Map.entry("baseUrl", "http://127.0.0.1:8080"),
          Map.entry("schema", "openai"),
          Map.entry("model", ""),
          Map.entry("apiKey", ""),
          Map.entry("timeout", "120"),
          Map.entry("users", "8"),
          Map.entry("rate", "1"),
          Map.entry("seconds", "30"),
          Map.entry("words", "8..64"),
          Map.entry("tokens", "16..128"),
          Map.entry("deck", "8"),
          Map.entry("checked", "0.5"),
          Map.entry("hangUps", "0"),
          Map.entry("ignoreEos", "false"),
          Map.entry("seed", "1"),
          Map.entry("baseline", "false"),
          Map.entry("singles", "5"),
          Map.entry("probes", "20"),
          Map.entry("minSpeedup", ""),
          Map.entry("maxFirstToken", ""),
          Map.entry("maxGrowth", ""),
          Map.entry("metrics", "auto"),
          Map.entry("serverPid", ""),
          Map.entry("result", ""));

  private final Map<String, String> defaults;

  Profile(Map<String, String> defaults) {
    this.defaults = defaults;
  }

  /** Returns what a setting is where the command does not say. */
  String defaultOf(String key) {
    String common = COMMON.get(key);
    if (common == null) {
      throw new IllegalArgumentException("no such setting: " + key);
    }
    return defaults.getOrDefault(key, common);
  }
}
