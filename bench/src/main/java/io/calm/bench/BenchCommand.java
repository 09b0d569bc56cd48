package io.calm.bench;

import picocli.CommandLine.Command;

/** The command {@code calm bench}: measures what docs/explanation/performance.md describes. */
@Command(
    name = "bench",
    description = {
      "Measures kernels and whole models against the machine's limits and other libraries.",
      "Everything that is compared is measured alternately within one run; figures are medians."
    },
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {
      KernelsCommand.class,
      ModelCommand.class,
      GrowthCommand.class,
      NeighboursCommand.class,
      CompareCommand.class,
      SpeculateCommand.class
    })
final class BenchCommand {}
