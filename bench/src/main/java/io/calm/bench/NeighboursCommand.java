package io.calm.bench;

import io.calm.cli.ArgumentException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench neighbours}: measures decodes on a machine that is shared. */
@Command(
    name = "neighbours",
    description = {
      "Measures decodes beside a process that keeps one processor busy, and with two and four times"
          + " as many threads as processors, alternating with decodes of the quiet machine.",
      "The busy process is started and ended by the command."
    })
final class NeighboursCommand implements Callable<Integer> {
  @Mixin private BenchOptions bench;
  @Mixin private RoundsOption rounds;

  @Option(
      names = "--shapes",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "smollm2-135m,llama-1b",
      description = "Shapes, separated by commas. Default: ${DEFAULT-VALUE}.")
  private List<String> shapes;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "1",
      description = "Seconds of one measurement. Default: ${DEFAULT-VALUE}.")
  private double seconds;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    List<ModelShape> chosen =
        shapes.stream().map(name -> ModelShape.named("--shapes", name)).toList();
    if (!(seconds > 0 && seconds <= 60)) {
      throw new ArgumentException(
          "--seconds: expected more than 0 and at most 60, got %s".formatted(seconds));
    }
    BenchReport report = bench.report(spec.commandLine().getOut());
    int count = rounds.announce(report);
    report.note("about %.0f s", chosen.size() * NeighboursBench.expectedSeconds(count, seconds));
    NeighboursBench measures =
        new NeighboursBench(bench.variant(), bench.threads(), seconds, report);
    try (BusyProcess busy = BusyProcess.start()) {
      for (ModelShape shape : chosen) {
        measures.run(shape, busy, count);
        bench.finish(report);
      }
    }
    return 0;
  }
}
