package io.calm.bench;

import picocli.CommandLine.Option;

/** How often measures that are taken in turns are repeated. */
final class RoundsOption {
  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Times that everything is measured in turns. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  /** Returns the rounds, and prints how the figures to come are to be read. */
  int announce(BenchReport report) {
    if (rounds < 1) {
      throw new IllegalArgumentException(
          "--rounds: expected a positive number, got %d".formatted(rounds));
    }
    report.note("medians of %d rounds (least to most)", rounds);
    return rounds;
  }
}
