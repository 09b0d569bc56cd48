package io.calm.loadtest.trial;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** The command {@code calm loadtest}. */
@Command(
    name = "loadtest",
    mixinStandardHelpOptions = true,
    description = {
      "Measures servers under load and sets them side by side: a closed load, Poisson arrivals at"
          + " growing rates until the objective breaks, and a soak if asked for.",
      "Any server with OpenAI's or DJL's schema can take part, e.g. llama.cpp's or vLLM's. Ratios"
          + " are to the first one. Writes summary.html, summary.json and Gatling's reports."
    })
public final class Main implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "URL",
      description =
          "Servers as [LABEL=]http://HOST:PORT[#MODEL], e.g. calm=http://127.0.0.1:8080"
              + " full=http://127.0.0.1:8081.")
  private final List<String> urls = new ArrayList<>();

  @Option(
      names = "--users",
      defaultValue = "8",
      description = "Users of the closed load. Default: ${DEFAULT-VALUE}.")
  private int users;

  @Option(
      names = "--seconds",
      defaultValue = "30",
      description = "Seconds per run. Default: ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(
      names = "--rates",
      split = ",",
      paramLabel = "R",
      description =
          "Rates to try, in requests per second, instead of a search for the highest one.")
  private final List<Double> rates = new ArrayList<>();

  @Option(
      names = "--sweep-runs",
      paramLabel = "N",
      defaultValue = "7",
      description = "Maximum number of runs of the search per server. Default: ${DEFAULT-VALUE}.")
  private int sweepRuns;

  @Option(
      names = "--max-first-token-ms",
      paramLabel = "MS",
      defaultValue = "1000",
      description = "Objective: p99 of the time to first token. Default: ${DEFAULT-VALUE}.")
  private double firstToken;

  @Option(
      names = "--max-inter-token-ms",
      paramLabel = "MS",
      defaultValue = "200",
      description = "Objective: p99 of the time between tokens. Default: ${DEFAULT-VALUE}.")
  private double interToken;

  @Option(
      names = "--soak",
      paramLabel = "SECONDS",
      defaultValue = "0",
      description = "Seconds of a soak with 32 clients, some of which hang up. Default: none.")
  private int soak;

  @Option(
      names = "--schema",
      defaultValue = "openai",
      description =
          "openai (/v1/completions), chat (/v1/chat/completions) or djl (/predictions)."
              + " Default: ${DEFAULT-VALUE}.")
  private String schema;

  @Option(
      names = "--words",
      defaultValue = "8..64",
      description = "Words per prompt, a number or a range. Default: ${DEFAULT-VALUE}.")
  private String words;

  @Option(
      names = "--tokens",
      defaultValue = "16..128",
      description = "Maximum tokens per answer, likewise. Default: ${DEFAULT-VALUE}.")
  private String tokens;

  @Option(
      names = "--api-key",
      paramLabel = "TOKEN",
      description = "Bearer token for all servers. Better given as CALM_API_KEY.",
      defaultValue = "${env:CALM_API_KEY}")
  private @Nullable String apiKey;

  @Option(
      names = "--out",
      paramLabel = "DIR",
      defaultValue = "loadtest-report",
      description = "Directory of the reports. Default: ${DEFAULT-VALUE}.")
  private Path out;

  @Spec private CommandSpec spec;

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] args) {
    List<String> words = new ArrayList<>(List.of(args));
    words.remove("loadtest"); // as ./calm passes it on
    System.exit(command().execute(words.toArray(String[]::new)));
  }

  static CommandLine command() {
    return new CommandLine(new Main())
        .setExecutionExceptionHandler(
            (failure, line, result) -> {
              line.getErr().println("calm: " + failure.getMessage());
              return CommandLine.ExitCode.SOFTWARE;
            });
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    List<Contender> contenders = contenders();
    Trial.Plan plan =
        new Trial.Plan(
            positive("--users", users),
            positive("--seconds", seconds),
            rates,
            positive("--sweep-runs", sweepRuns),
            soak,
            new Slo(firstToken, interToken));
    Files.createDirectories(out);
    List<Trial.Result> results =
        new Trial(plan, gatling(), out, spec.commandLine().getOut()).run(contenders);
    Summary summary = new Summary(plan, results);
    Files.writeString(out.resolve("summary.json"), summary.json());
    Files.writeString(out.resolve("summary.html"), new SummaryPage(summary).html());
    summary.verdicts().forEach(spec.commandLine().getOut()::println);
    spec.commandLine().getOut().printf("%s%n", out.resolve("summary.html"));
    spec.commandLine().getOut().flush();
    return CommandLine.ExitCode.OK;
  }

  private GatlingRun gatling() {
    return new GatlingRun(
        Map.of("schema", schema, "words", words, "tokens", tokens), apiKey == null ? "" : apiKey);
  }

  private List<Contender> contenders() {
    List<Contender> contenders = urls.stream().map(Contender::of).toList();
    Set<String> names = new HashSet<>();
    for (Contender contender : contenders) {
      if (!names.add(contender.directory())) {
        throw new IllegalArgumentException(
            "URL: expected different labels, got %s twice; write LABEL=URL"
                .formatted(contender.label()));
      }
    }
    return contenders;
  }

  private static int positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException("%s: expected at least 1, got %d".formatted(name, value));
    }
    return value;
  }
}
