package io.calm.cli;

import io.calm.cli.bench.BenchReport;
import io.calm.runtime.Decoders;
import io.calm.serving.settings.CalmSettings;
import io.calm.tensor.NativeKernels.Rung;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What all measurements have in common. */
final class BenchMixin {
  private static final int LEAST_ROUNDS = 1;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. Default: calm.threads, else the processors at hand.")
  private @Nullable Integer threads;

  @Option(
      names = "--kernel",
      paramLabel = "NAME",
      defaultValue = Decoders.AUTO,
      description = "A rung of the native kernels. Default: the best that this machine runs.")
  private String kernel;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "5",
      description = "Times that everything is measured in turns. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "To be written: an array of {name, shape, threads, kernel, value, unit,"
              + " against, ratio}.")
  private @Nullable Path json;

  int threads() {
    return atLeast(
        "--threads",
        Optional.ofNullable(threads).orElseGet(() -> CalmSettings.defaults().threadCount()));
  }

  int rounds() {
    return atLeast("--rounds", rounds);
  }

  String kernel() {
    return kernel;
  }

  private static int atLeast(String option, int value) {
    if (value < LEAST_ROUNDS) {
      throw new IllegalArgumentException(
          "%s: expected a positive number, got %d".formatted(option, value));
    }
    return value;
  }

  /** Returns the native kernels that were asked for. */
  Rung rung() {
    return Decoders.rung(kernel)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "--kernel: expected native kernels, got %s, and there are none to measure;"
                            .formatted(kernel)
                        + " build on a machine with a C compiler"));
  }

  BenchReport report(PrintWriter out) {
    BenchReport report = new BenchReport(out, threads(), Decoders.chosen(kernel));
    report.note(
        "%s, %d threads, kernels %s, median of %d rounds (from to)",
        System.getProperty("os.arch", "").toLowerCase(Locale.ROOT),
        threads(),
        Decoders.chosen(kernel),
        rounds());
    return report;
  }

  /** Writes the file that was asked for. */
  void finish(BenchReport report) throws IOException {
    if (json != null) {
      report.write(json);
    }
  }
}
