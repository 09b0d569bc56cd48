package io.calm.bench;

import io.calm.cli.ArgumentException;
import io.calm.cli.OutputFile;
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

/** Options shared by all measurements. */
final class BenchOptions {
  private static final int MAX_THREADS = 1024; // as calm.threads

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Number of threads. Default: calm.threads, else the available processors.")
  private @Nullable Integer threads;

  @Option(
      names = "--kernel",
      paramLabel = "NAME",
      defaultValue = Decoders.AUTO,
      description =
          "A variant of the native kernels. Default: the best one that this machine runs.")
  private String kernel;

  @Option(
      names = "--json",
      paramLabel = "FILE",
      description =
          "File to write: an array of {name, shape, threads, kernel, value, unit,"
              + " against, ratio}.")
  private @Nullable Path json;

  int threads() {
    int count =
        Optional.ofNullable(threads)
            .orElseGet(() -> CalmSettings.defaults().decoder().threadCount());
    if (count < 1 || count > MAX_THREADS) {
      throw new ArgumentException(
          "--threads: expected 1 to %d, got %d".formatted(MAX_THREADS, count));
    }
    return count;
  }

  String kernel() {
    return kernel;
  }

  /** Returns the native kernel variant that was requested. */
  KernelVariant variant() {
    return Decoders.variant(kernel)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "--kernel: expected native kernels, got %s, and there are none to measure;"
                            .formatted(kernel)
                        + " build on a machine with a C compiler"));
  }

  /** Returns an empty report. Refuses a JSON file that cannot be written. */
  BenchReport report(PrintWriter out) {
    if (json != null) {
      OutputFile.require("--json", json);
    }
    BenchReport report = new BenchReport(out, threads(), Decoders.chosen(kernel));
    report.note(
        "%s, %d threads, kernels %s",
        System.getProperty("os.arch", "").toLowerCase(Locale.ROOT),
        threads(),
        Decoders.chosen(kernel));
    return report;
  }

  /** Writes the JSON file if one was requested. */
  void finish(BenchReport report) throws IOException {
    if (json != null) {
      report.write(json);
    }
  }
}
