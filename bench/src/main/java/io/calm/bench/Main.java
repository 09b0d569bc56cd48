package io.calm.bench;

/**
 * Entry point of {@code ./calm bench}: the command line of the plugin with the benchmarks. Exit
 * statuses are those of {@link io.calm.cli.Main}.
 */
public final class Main {
  private Main() {}

  public static void main(String[] arguments) {
    io.calm.cli.Main.prepare(arguments);
    System.exit(io.calm.cli.Main.run(io.calm.cli.Main.commandLine(new BenchCommand()), arguments));
  }
}
