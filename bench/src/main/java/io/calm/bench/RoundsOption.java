package io.calm.bench;

import io.calm.cli.ArgumentException;
import picocli.CommandLine.Option;

/** The option {@code --rounds}: the number of rounds of measures that are taken in turns. */
final class RoundsOption {
  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Rounds of alternating measurements. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  /** Returns the number of rounds and prints how to read the figures. */
  int announce(BenchReport report) {
    ArgumentException.requirePositive("--rounds", rounds);
    report.note("medians of %d rounds (minimum to maximum)", rounds);
    return rounds;
  }
}
