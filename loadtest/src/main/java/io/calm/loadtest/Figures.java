package io.calm.loadtest;

import io.calm.loadtest.figures.Claim;
import io.calm.loadtest.figures.Latency;
import io.calm.loadtest.figures.Outcome;
import io.calm.loadtest.figures.Recorder;
import io.calm.loadtest.figures.RunResult;
import io.calm.loadtest.figures.Samples;
import io.calm.loadtest.server.MemoryLog;
import io.calm.loadtest.server.Scrape;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.TimeUnit;

/** The measurements of a run, its goals, and the text that reports both. */
final class Figures {
  private static final List<String> IDLE =
      List.of("calm_running_sequences", "calm_waiting_requests", "calm_kv_blocks_used");
  private static final double MS = 1e6;
  private static final double MIB = 1 << 20;

  private final Options options;
  private final MemoryLog memory;
  private final Recorder learned = new Recorder();
  private final Recorder single = new Recorder();
  private final Recorder unloaded = new Recorder();
  private final Recorder load = new Recorder();
  private final Recorder loaded = new Recorder();
  private double tokensPerSecond = Double.NaN;
  private Optional<Scrape> after = Optional.empty();
  private boolean ended;

  Figures(Options options, MemoryLog memory) {
    this.options = options;
    this.memory = memory;
  }

  /** The reference requests, alone. */
  Recorder learned() {
    return learned;
  }

  /** One stream of the load's kind. */
  Recorder single() {
    return single;
  }

  /** Short prompts without load. */
  Recorder unloaded() {
    return unloaded;
  }

  /** The load. */
  Recorder load() {
    return load;
  }

  /** Short prompts beside the load. */
  Recorder loaded() {
    return loaded;
  }

  /**
   * Ends the measurement.
   *
   * @param loadStart nanoseconds; 0 where no load began
   * @param metrics of the server after the run
   */
  synchronized void end(long loadStart, Optional<Scrape> metrics) {
    // What comes in while users arrive, or when the last ones leave, is not the load's rate.
    long all = TimeUnit.SECONDS.toNanos(options.seconds());
    long from = loadStart + Math.min(TimeUnit.SECONDS.toNanos(3), all / 4);
    tokensPerSecond = load.rate().between(from, loadStart + all);
    after = metrics;
    ended = true;
  }

  /** Returns whether the server has nothing left of any request. */
  static boolean isIdle(Scrape scrape) {
    return IDLE.stream().allMatch(name -> scrape.sum(name).orElse(Double.NaN) == 0);
  }

  /** Returns what the run must show. */
  synchronized List<Claim> claims() {
    List<Claim> claims = new ArrayList<>();
    long refused = count(Outcome.Refused.class);
    long failed = count(Outcome.Failed.class);
    claims.add(
        new Claim(
            "every request is answered",
            load.startedRequests() > 0 && refused + failed == 0,
            "%d of %d refused, %d failed".formatted(refused, load.startedRequests(), failed)));
    long wrong = count(Outcome.Wrong.class);
    claims.add(
        new Claim(
            "no answer is wrong",
            wrong == 0,
            "%d of the %d that were compared".formatted(wrong, load.comparedAnswers())));
    long lost = count(Outcome.Lost.class) + load.open() + loaded.open();
    claims.add(
        new Claim(
            "no request is lost", lost == 0, "%d of %d".formatted(lost, load.startedRequests())));
    idle().ifPresent(claims::add);
    options.goals().minSpeedup().ifPresent(min -> claims.add(speedup(min)));
    options.goals().maxFirstToken().ifPresent(max -> claims.add(firstToken(max)));
    options.goals().maxGrowth().ifPresent(max -> claims.add(growth(max)));
    return claims;
  }

  private long count(Class<? extends Outcome> kind) {
    return load.count(kind) + loaded.count(kind);
  }

  private Optional<Claim> idle() {
    if (options.metrics().isEmpty() || (after.isEmpty() && options.profile() != Profile.SOAK)) {
      return Optional.empty(); // another server
    }
    String values =
        after
            .map(
                scrape ->
                    String.join(
                        ", ",
                        IDLE.stream()
                            .map(name -> name + " " + text("%.0f", scrape.sum(name)))
                            .toList()))
            .orElse("no metrics at " + options.metrics().orElseThrow());
    return Optional.of(
        new Claim("the server is idle after", after.filter(Figures::isIdle).isPresent(), values));
  }

  private double speedup() {
    return tokensPerSecond / single.streamRate();
  }

  private double firstTokenRatio() {
    return loaded.firstTokens().percentile(50) / unloaded.firstTokens().percentile(50);
  }

  private Claim speedup(double min) {
    return new Claim(
        String.format(
            Locale.ROOT, "%d streams give %.1f x the tokens of one", options.users(), min),
        speedup() >= min,
        line("%.2f x", speedup()));
  }

  private Claim firstToken(double max) {
    return new Claim(
        String.format(Locale.ROOT, "a short prompt waits at most %.1f x as long under load", max),
        firstTokenRatio() <= max,
        line("%.2f x at the median, %d prompts", firstTokenRatio(), loaded.firstTokens().size()));
  }

  private Claim growth(double max) {
    OptionalDouble growth = memory.growth();
    return new Claim(
        String.format(Locale.ROOT, "the server's memory grows by at most %.0f %%", 100 * max),
        growth.isPresent() && growth.getAsDouble() <= max,
        memoryText());
  }

  private String memoryText() {
    OptionalDouble growth = memory.growth();
    return growth.isEmpty()
        ? "not known: too short a run, or neither serverPid nor metrics"
        : String.format(
            Locale.ROOT,
            "%+.2f %% from the second quarter to the last, at most %.0f MiB",
            100 * growth.getAsDouble(),
            memory.max().orElseThrow() / MIB);
  }

  /** Returns the figures of the load; empty if it did not come to its end. */
  synchronized Optional<RunResult> result() {
    if (!ended) {
      return Optional.empty();
    }
    return Optional.of(
        new RunResult(
            options.profile().name().toLowerCase(Locale.ROOT),
            options.users(),
            options.rate(),
            options.seconds(),
            new RunResult.Counts(
                load.startedRequests(),
                load.count(Outcome.Right.class),
                load.count(Outcome.HungUp.class),
                load.count(Outcome.Refused.class),
                load.count(Outcome.Failed.class),
                load.count(Outcome.Wrong.class),
                load.count(Outcome.Lost.class) + load.open(),
                load.comparedAnswers()),
            tokensPerSecond,
            Latency.of(load.firstTokens()),
            Latency.of(load.gaps()),
            claims()));
  }

  /** Returns the text that is printed at the end. */
  synchronized String summary() {
    if (!ended) {
      return "the load test did not come to its end";
    }
    List<String> lines = new ArrayList<>();
    lines.add(
        line(
            "load test %s of %s: %s for %d s, prompts of %s words, answers of %s tokens, seed %d",
            options.profile().name().toLowerCase(Locale.ROOT),
            options.target().url(),
            options.profile() == Profile.OPEN
                ? options.rate() + " requests a second"
                : options.users() + " users",
            options.seconds(),
            options.mix().words(),
            options.mix().tokens(),
            options.mix().seed()));
    lines.add(
        line(
            "requests      %d: %d whole, %d hung up, %d refused, %d failed, %d wrong, %d lost",
            load.startedRequests(),
            load.count(Outcome.Right.class),
            load.count(Outcome.HungUp.class),
            load.count(Outcome.Refused.class),
            load.count(Outcome.Failed.class),
            load.count(Outcome.Wrong.class),
            load.count(Outcome.Lost.class) + load.open()));
    lines.add(line("compared      %d answers with the same request alone", load.comparedAnswers()));
    lines.add(line("tokens        %.1f a second", tokensPerSecond));
    lines.add(line("first token   %s", percentiles(load.firstTokens())));
    lines.add(line("inter-token   %s", percentiles(load.gaps())));
    baseline(lines);
    memory.growth().ifPresent(growth -> lines.add(line("memory        %s", memoryText())));
    after.ifPresent(scrape -> lines.add(line("server        %s", serverText(scrape))));
    claims().forEach(claim -> lines.add(claim.toString()));
    return String.join(System.lineSeparator(), lines);
  }

  private void baseline(List<String> lines) {
    if (!options.baseline()) {
      return;
    }
    lines.add(
        line(
            "one stream    %.1f tokens a second, inter-token %s",
            single.streamRate(), percentiles(single.gaps())));
    lines.add(line("ratio         %.2f x the tokens of one stream", speedup()));
    lines.add(line("short prompt  alone       %s", percentiles(unloaded.firstTokens())));
    lines.add(line("              under load  %s", percentiles(loaded.firstTokens())));
    lines.add(line("ratio         %.2f x at the median", firstTokenRatio()));
  }

  private static String percentiles(Samples nanos) {
    if (nanos.size() == 0) {
      return "none";
    }
    return line(
        "p50 %.1f ms, p95 %.1f ms, p99 %.1f ms",
        nanos.percentile(50) / MS, nanos.percentile(95) / MS, nanos.percentile(99) / MS);
  }

  private static String serverText(Scrape scrape) {
    return "since its start: %s preemptions, %s of %s prompt tokens found in the prefix cache"
        .formatted(
            text("%.0f", scrape.sum("calm_preemptions_total")),
            text("%.0f", scrape.sum("calm_prefix_hit_tokens_total")),
            text("%.0f", scrape.sum("calm_prefix_tokens_total")));
  }

  private static String text(String format, OptionalDouble value) {
    return value.isPresent() ? String.format(Locale.ROOT, format, value.getAsDouble()) : "unknown";
  }

  private static String line(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
