package io.calm.cli;

import io.calm.cli.bench.BenchReport;
import io.calm.kernels.KernelVariant;
import io.calm.runtime.Decoders;
import io.calm.settings.CalmSettings;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What all measurements have in common. */
final class BenchMixin {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. Default: calm.threads, else the processors at hand.")
  private @Nullable Integer threads;

  @Option(
      names = "--kernel",
      paramLabel = "NAME",
      defaultValue = Decoders.AUTO,
      description = "A variant of the native kernels. Default: the best that this machine runs.")
  private String kernel;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "To be written: an array of {name, shape, threads, kernel, value, unit,"
              + " against, ratio}.")
  private @Nullable Path json;

  int threads() {
    int count =
        Optional.ofNullable(threads)
            .orElseGet(() -> CalmSettings.defaults().decoder().threadCount());
    if (count < 1) {
      throw new IllegalArgumentException(
          "--threads: expected a positive number, got %d".formatted(count));
    }
    return count;
  }

  String kernel() {
    return kernel;
  }

  /** Returns the native kernels that were asked for. */
  KernelVariant variant() {
    return Decoders.variant(kernel)
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
        "%s, %d threads, kernels %s",
        System.getProperty("os.arch", "").toLowerCase(Locale.ROOT),
        threads(),
        Decoders.chosen(kernel));
    return report;
  }

  /** Writes the file that was asked for. */
  void finish(BenchReport report) throws IOException {
    if (json != null) {
      report.write(json);
    }
  }
}
