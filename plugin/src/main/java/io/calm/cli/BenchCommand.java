package io.calm.cli;

import picocli.CommandLine.Command;

/** {@code calm bench}: what docs/explanation/performance.md shows, measured on this machine. */
@Command(
    name = "bench",
    description = {
      "Measures kernels and whole models against what this machine can do and against others.",
      "Everything that is compared is measured in turns within one run; figures are medians."
    },
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {BenchKernelsCommand.class, BenchModelCommand.class, BenchCompareCommand.class})
final class BenchCommand {}
