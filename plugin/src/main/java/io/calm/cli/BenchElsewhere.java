package io.calm.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * The entry of {@code calm bench} in the list of commands. The benchmarks are a module of their
 * own, which the script {@code calm} builds and starts; the plugin's jar does not hold them.
 */
@Command(
    name = "bench",
    description =
        "Measures kernels and whole models against the machine's limits and other libraries.",
    synopsisSubcommandLabel = "COMMAND")
final class BenchElsewhere implements Callable<Integer> {
  @Unmatched private final List<String> ignored = new ArrayList<>();

  @Override
  public Integer call() {
    throw new IllegalArgumentException(
        "bench: the benchmarks are not in the plugin's jar; run ./calm bench in the project's"
            + " directory");
  }
}
