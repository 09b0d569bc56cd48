package io.calm.loadtest.trial;

import io.calm.loadtest.figures.RunResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * All runs of a load test: closed, then the sweep of rates, then the soak. Within a kind of load
 * the contenders follow one another, so that a machine that drifts affects all of them alike.
 */
final class Trial {
  private final Plan plan;
  private final GatlingRun gatling;
  private final Path directory;
  private final PrintWriter out;

  /**
   * The runs to make.
   *
   * @param users concurrent users of the closed load
   * @param seconds duration of a run
   * @param rates rates to try in requests per second; empty: searched
   * @param sweepRuns maximum runs of a search
   * @param soakSeconds duration of the soak; 0 for none
   */
  record Plan(int users, int seconds, List<Double> rates, int sweepRuns, int soakSeconds, Slo slo) {
    Plan {
      rates = List.copyOf(rates);
    }
  }

  /** The figures of a contender. */
  record Result(
      Contender contender, RunResult closed, RateSweep.Outcome sweep, Optional<RunResult> soak) {

    /** Returns the answers of all runs that differ from those of the same requests alone. */
    long wrongAnswers() {
      return closed.counts().wrong()
          + sweep.points().stream().mapToLong(point -> point.run().counts().wrong()).sum()
          + soak.map(run -> run.counts().wrong()).orElse(0L);
    }
  }

  /**
   * Creates a load test.
   *
   * @param directory directory of Gatling's reports
   * @param out receives one line per run
   */
  Trial(Plan plan, GatlingRun gatling, Path directory, PrintWriter out) {
    this.plan = plan;
    this.gatling = gatling;
    this.directory = directory;
    this.out = out;
  }

  /**
   * Makes all runs.
   *
   * @throws IOException if a contender does not answer
   */
  List<Result> run(List<Contender> contenders) throws IOException, InterruptedException {
    Map<Contender, RunResult> closed = new LinkedHashMap<>();
    for (Contender contender : contenders) {
      closed.put(contender, closed(contender));
    }
    Map<Contender, RateSweep.Outcome> sweeps = new HashMap<>();
    for (Map.Entry<Contender, RunResult> entry : closed.entrySet()) {
      sweeps.put(entry.getKey(), sweep(entry.getKey(), entry.getValue()));
    }
    List<Result> results = new ArrayList<>();
    for (Map.Entry<Contender, RunResult> entry : closed.entrySet()) {
      Contender contender = entry.getKey();
      RateSweep.Outcome sweep = Optional.ofNullable(sweeps.get(contender)).orElseThrow();
      results.add(new Result(contender, entry.getValue(), sweep, soak(contender)));
    }
    return results;
  }

  private RunResult closed(Contender contender) throws IOException, InterruptedException {
    RunResult run =
        gatling.run(
            contender,
            Map.of(
                "profile", "closed",
                "users", Integer.toString(plan.users()),
                "seconds", Integer.toString(plan.seconds())),
            place(contender, "closed"));
    line(contender, "closed, %d users: %s".formatted(plan.users(), figures(run)));
    return run;
  }

  private RateSweep.Outcome sweep(Contender contender, RunResult closed)
      throws IOException, InterruptedException {
    RateSweep.Load load = rate -> open(contender, rate);
    if (!plan.rates().isEmpty()) {
      return RateSweep.over(plan.rates(), plan.slo(), load);
    }
    double start = Math.max(0.05, 0.7 * closed.counts().whole() / closed.seconds());
    return RateSweep.search(start, plan.sweepRuns(), plan.slo(), load);
  }

  private RunResult open(Contender contender, double rate)
      throws IOException, InterruptedException {
    String text = String.format(Locale.ROOT, "%.3f", rate);
    RunResult run =
        gatling.run(
            contender,
            Map.of(
                "profile", "open",
                "rate", text,
                "seconds", Integer.toString(plan.seconds()),
                "deck", "0",
                "checked", "0"),
            place(contender, "open-" + text));
    String verdict = plan.slo().holds(run) ? "holds" : "breaks";
    line(contender, "open, %s requests/s %s: %s".formatted(text, verdict, figures(run)));
    return run;
  }

  private Optional<RunResult> soak(Contender contender) throws IOException, InterruptedException {
    if (plan.soakSeconds() == 0) {
      return Optional.empty();
    }
    RunResult run =
        gatling.run(
            contender,
            Map.of("profile", "soak", "seconds", Integer.toString(plan.soakSeconds())),
            place(contender, "soak"));
    line(contender, "soak, %d s: %s".formatted(plan.soakSeconds(), figures(run)));
    return Optional.of(run);
  }

  private Path place(Contender contender, String run) {
    return directory.resolve(contender.directory()).resolve(run);
  }

  private static String figures(RunResult run) {
    return String.format(
        Locale.ROOT,
        "%.1f tokens/s, p99 first token %.0f ms, p99 between tokens %.0f ms, %d errors%s",
        run.tokensPerSecond(),
        run.firstToken().p99(),
        run.interToken().p99(),
        run.counts().errors(),
        run.counts().compared() == 0
            ? ""
            : ", %d wrong answers of %d compared"
                .formatted(run.counts().wrong(), run.counts().compared()));
  }

  private void line(Contender contender, String text) {
    out.printf("%s: %s%n", contender.label(), text);
    out.flush();
  }
}
