package io.calm.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * The entry of {@code calm loadtest} in the list of commands. The load test is a module of its own,
 * which the script {@code calm} builds and starts.
 */
@Command(name = "loadtest", description = "Measures servers under load and sets them side by side.")
final class LoadtestElsewhere implements Callable<Integer> {
  @Unmatched private final List<String> ignored = new ArrayList<>();

  @Override
  public Integer call() {
    throw new IllegalArgumentException(
        "loadtest: the load test is not in the plugin's jar; run ./calm loadtest in the project's"
            + " directory");
  }
}
