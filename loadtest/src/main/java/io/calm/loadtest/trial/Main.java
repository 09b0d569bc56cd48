package io.calm.loadtest.trial;

import io.calm.loadtest.client.Schema;
import io.calm.loadtest.work.Range;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * The command {@code calm loadtest}. The exit status is 0 on success, 1 if a server does not answer
 * or answered wrongly, and 2 if an argument is wrong.
 */
@Command(
    name = "loadtest",
    mixinStandardHelpOptions = true,
    description = {
      "Runs load tests against servers and compares them: a closed load, Poisson arrivals at"
          + " rising rates until the objective is missed, and an optional soak test.",
      "Any server with OpenAI's or DJL's schema can take part, e.g. llama.cpp's or vLLM's. Ratios"
          + " are to the first one. Writes summary.html, summary.json and Gatling's reports."
    })
public final class Main implements Callable<Integer> {
  private static final Set<String> SCHEMAS = Set.of("openai", "chat", "djl");

  /** Minimum rate in requests per second, which runs are told with three decimals. */
  private static final double MIN_RATE = 0.001;

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

  @Option(
      names = {"-v", "--verbose"},
      description = "Print stack traces of failures.")
  private boolean verbose;

  @Spec private CommandSpec spec;

  /** Runs the command and ends the process with its exit code. */
  public static void main(String[] args) {
    Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT); // digits of URLs and reports
    List<String> words = new ArrayList<>(List.of(args));
    words.remove("loadtest"); // as ./calm passes it on
    System.exit(command().execute(words.toArray(String[]::new)));
  }

  static CommandLine command() {
    Main main = new Main();
    return new CommandLine(main)
        .setCommandName("calm loadtest")
        .setParameterExceptionHandler(
            (wrong, arguments) -> {
              wrong
                  .getCommandLine()
                  .getErr()
                  .printf("calm: %s; see ./calm loadtest --help%n", wrong.getMessage());
              return CommandLine.ExitCode.USAGE;
            })
        .setExecutionExceptionHandler(
            (failure, line, result) -> {
              line.getErr().println("calm: " + failure.getMessage());
              if (main.verbose) {
                failure.printStackTrace(line.getErr());
              }
              return CommandLine.ExitCode.SOFTWARE;
            });
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    List<Contender> contenders;
    Trial.Plan plan;
    GatlingRun gatling;
    try {
      contenders = contenders();
      plan = plan();
      gatling = gatling();
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), e.getMessage(), e);
    }
    for (Contender contender : contenders) {
      FirstRequest.send(contender, Schema.valueOf(schema.toUpperCase(Locale.ROOT)), key());
    }
    Files.createDirectories(out);
    PrintWriter console = spec.commandLine().getOut();
    List<Trial.Result> results = new Trial(plan, gatling, out, console).run(contenders);
    Summary summary = new Summary(plan, results);
    Files.writeString(out.resolve("summary.json"), summary.json());
    Files.writeString(out.resolve("summary.html"), new SummaryPage(summary).html());
    summary.verdicts().forEach(console::println);
    console.printf("%s%n", out.resolve("summary.html"));
    console.flush();
    return wrongAnswers(results) ? CommandLine.ExitCode.SOFTWARE : CommandLine.ExitCode.OK;
  }

  /** Names the servers with wrong answers, and returns whether there is one. */
  private boolean wrongAnswers(List<Trial.Result> results) {
    boolean any = false;
    for (Trial.Result result : results) {
      long wrong = result.wrongAnswers();
      if (wrong > 0) {
        any = true;
        spec.commandLine()
            .getErr()
            .printf(
                "calm: %s: %d answers under load differ from those of the same requests alone%n",
                result.contender().label(), wrong);
      }
    }
    spec.commandLine().getErr().flush();
    return any;
  }

  private Trial.Plan plan() {
    for (double rate : rates) {
      if (!(rate >= MIN_RATE) || Double.isInfinite(rate)) {
        throw new IllegalArgumentException(
            "--rates: expected numbers of at least %s, got %s".formatted(MIN_RATE, rate));
      }
    }
    return new Trial.Plan(
        atLeast(1, "--users", users),
        atLeast(1, "--seconds", seconds),
        rates,
        atLeast(1, "--sweep-runs", sweepRuns),
        atLeast(0, "--soak", soak),
        new Slo(
            positive("--max-first-token-ms", firstToken),
            positive("--max-inter-token-ms", interToken)));
  }

  private GatlingRun gatling() {
    if (!SCHEMAS.contains(schema.toLowerCase(Locale.ROOT))) {
      throw new IllegalArgumentException("--schema: expected openai, chat or djl, got " + schema);
    }
    requireRange("--words", words);
    requireRange("--tokens", tokens);
    return new GatlingRun(Map.of("schema", schema, "words", words, "tokens", tokens), key());
  }

  /** Returns the API key. Messages of other classes would show one that is no header value. */
  private String key() {
    String key = apiKey == null ? "" : apiKey;
    if (!key.chars().allMatch(c -> c >= ' ' && c <= '~')) {
      throw new IllegalArgumentException(
          "--api-key: expected printable ASCII characters, got others (the key is not shown);"
              + " correct it, or CALM_API_KEY: it may end with a line break");
    }
    return key;
  }

  private static void requireRange(String name, String text) {
    try {
      Range.of(text);
    } catch (IllegalArgumentException e) { // also of a number
      throw new IllegalArgumentException(
          "%s: expected a number or a range such as 8..64, got %s".formatted(name, text), e);
    }
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

  private static double positive(String name, double value) {
    if (!(value > 0) || Double.isInfinite(value)) {
      throw new IllegalArgumentException(
          "%s: expected a finite number above 0, got %s".formatted(name, value));
    }
    return value;
  }

  private static int atLeast(int min, String name, int value) {
    if (value < min) {
      throw new IllegalArgumentException(
          "%s: expected at least %d, got %d".formatted(name, min, value));
    }
    return value;
  }
}
