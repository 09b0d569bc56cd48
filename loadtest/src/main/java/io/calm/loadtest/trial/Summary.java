package io.calm.loadtest.trial;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.calm.loadtest.figures.RunResult;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** The figures of all contenders, with ratios to the first. */
final class Summary {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path PROCESSORS = Path.of("/proc/cpuinfo");

  private final Trial.Plan plan;
  private final List<Trial.Result> results;
  private final Instant time = Instant.now().truncatedTo(ChronoUnit.SECONDS);
  private final String machine = machine();

  /**
   * Creates a summary.
   *
   * @param results one result or more
   */
  Summary(Trial.Plan plan, List<Trial.Result> results) {
    this.plan = plan;
    this.results = List.copyOf(results);
  }

  Trial.Plan plan() {
    return plan;
  }

  List<Trial.Result> results() {
    return results;
  }

  Instant time() {
    return time;
  }

  /** Returns the machine that ran the clients, in words. */
  String machineText() {
    return machine;
  }

  /** Returns one sentence per contender. */
  List<String> verdicts() {
    Trial.Result first = results.get(0);
    List<String> verdicts = new ArrayList<>();
    for (Trial.Result result : results) {
      double tokens = result.closed().tokensPerSecond();
      String throughput =
          String.format(
              Locale.ROOT, "%.1f tokens/s with %d users", tokens, result.closed().users());
      String ratio =
          result.equals(first)
              ? ""
              : String.format(
                  Locale.ROOT,
                  " (%.2f of %s)",
                  tokens / first.closed().tokensPerSecond(),
                  first.contender().label());
      verdicts.add(
          "%s: %s%s; %s"
              .formatted(result.contender().label(), throughput, ratio, rateText(result, first)));
    }
    return verdicts;
  }

  private static String rateText(Trial.Result result, Trial.Result first) {
    RateSweep.Outcome sweep = result.sweep();
    if (sweep.highest().isEmpty()) {
      return String.format(
          Locale.ROOT,
          "the objective holds at no rate that was tried, down to %.2f requests/s",
          sweep.points().stream().mapToDouble(RateSweep.Point::rate).min().orElse(Double.NaN));
    }
    double highest = sweep.highest().getAsDouble();
    String ratio =
        result.equals(first) || first.sweep().highest().isEmpty()
            ? ""
            : String.format(
                Locale.ROOT,
                " (%.2f of %s)",
                highest / first.sweep().highest().getAsDouble(),
                first.contender().label());
    return String.format(
        Locale.ROOT,
        "the objective holds up to %.2f requests/s%s%s",
        highest,
        sweep.broke() ? "" : ", the highest rate that was tried",
        ratio);
  }

  /** Returns all figures as JSON. */
  String json() {
    ObjectNode root = JSON.createObjectNode();
    root.put("time", time.toString());
    root.put("machine", machine);
    ObjectNode objective = root.putObject("objective");
    objective.put("max_first_token_p99_ms", plan.slo().firstToken());
    objective.put("max_inter_token_p99_ms", plan.slo().interToken());
    ArrayNode contenders = root.putArray("servers");
    for (Trial.Result result : results) {
      ObjectNode node = contenders.addObject();
      node.put("label", result.contender().label());
      node.put("url", result.contender().url().toString());
      node.put("model", result.contender().model());
      node.set("closed", run(result.closed()));
      ObjectNode sweep = node.putObject("sweep");
      result
          .sweep()
          .highest()
          .ifPresentOrElse(
              rate -> sweep.put("highest_rate", rate), () -> sweep.putNull("highest_rate"));
      sweep.put("objective_broke", result.sweep().broke());
      ArrayNode points = sweep.putArray("points");
      for (RateSweep.Point point : result.sweep().points()) {
        ObjectNode entry = points.addObject();
        entry.put("rate", point.rate());
        entry.put("holds", point.holds());
        entry.set("run", run(point.run()));
      }
      result.soak().ifPresent(soak -> node.set("soak", run(soak)));
    }
    try {
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static ObjectNode run(RunResult run) {
    return JSON.valueToTree(run);
  }

  private static String machine() {
    String processor = processor().orElse(System.getProperty("os.arch", "unknown"));
    return "%d processors, %s, %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            processor,
            System.getProperty("os.name", "unknown"));
  }

  private static Optional<String> processor() {
    try (Stream<String> lines = Files.lines(PROCESSORS)) {
      return lines
          .filter(line -> line.startsWith("model name") && line.contains(":"))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException e) {
      return Optional.empty(); // not Linux
    }
  }
}
