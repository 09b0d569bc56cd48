package io.calm.bench;

import com.google.gson.GsonBuilder;
import io.calm.cli.OutputFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Prints figures as they arrive and collects them for a file. */
public final class BenchReport {
  private final PrintWriter out;
  private final int threads;
  private final String kernel;
  private final List<BenchRow> rows = new ArrayList<>();

  /**
   * @param kernel the kernel variant that computes
   */
  public BenchReport(PrintWriter out, int threads, String kernel) {
    this.out = out;
    this.threads = threads;
    this.kernel = kernel;
  }

  /** The subject of a figure. */
  public record Subject(String name, String shape, String unit, String against) {}

  /** Adds and prints the medians of a measure of our own kernels. */
  public void add(Subject subject, Series values, Series ratios) {
    record(subject, values.median(), ratios.median());
    BenchRow row = rows.get(rows.size() - 1);
    out.println(
        String.format(
            Locale.ROOT,
            "%-10s %-24s %-14s %9s %-9s (%s to %s)  %6.3f of %s (%.3f to %.3f)",
            row.name(),
            row.shape(),
            row.kernel(),
            digits(row.value()),
            row.unit(),
            digits(values.min()),
            digits(values.max()),
            row.ratio(),
            row.against(),
            ratios.min(),
            ratios.max()));
    out.flush();
  }

  /** Adds a figure of our own kernels to the file without printing it. */
  public void record(Subject subject, double value, double ratio) {
    rows.add(
        new BenchRow(
            subject.name(),
            subject.shape(),
            threads,
            kernel,
            value,
            subject.unit(),
            subject.against(),
            ratio));
  }

  /** Prints a note between the figures. */
  public void note(String format, Object... arguments) {
    out.println(String.format(Locale.ROOT, format, arguments));
    out.flush();
  }

  private static String digits(double value) {
    double size = Math.abs(value);
    return String.format(Locale.ROOT, size < 1 ? "%.4f" : size < 100 ? "%.2f" : "%.1f", value);
  }

  /** Returns the figures so far. */
  public List<BenchRow> rows() {
    return List.copyOf(rows);
  }

  /** Writes the figures as a JSON array of objects with {@link BenchRow}'s names. */
  public void write(Path file) throws IOException {
    OutputFile.write(
        "--json", file, new GsonBuilder().setPrettyPrinting().create().toJson(rows) + "\n");
  }
}
