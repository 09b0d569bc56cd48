package io.calm.cli.terminal;

import io.calm.export.ExportProgress;
import java.io.PrintStream;

/**
 * Shows the progress of an export on standard error: one changing line on a terminal, one line per
 * step anywhere else. Not thread safe.
 */
public final class ExportLine implements ExportProgress, AutoCloseable {
  private final PrintStream err;
  private final boolean terminal;
  private final StatusLine line;

  private ExportLine(PrintStream err, boolean terminal) {
    this.err = err;
    this.terminal = terminal;
    this.line = new StatusLine(err);
  }

  /** Opens a line on {@code System.err}. */
  public static ExportLine open() {
    return open(System.err, Integer.getInteger(ProgressBar.COLUMNS, 0));
  }

  /**
   * Opens a line on {@code err}.
   *
   * @param columns of the terminal; 0 if there is none
   */
  static ExportLine open(PrintStream err, int columns) {
    return new ExportLine(err, columns > 0);
  }

  @Override
  public void at(String step, int done, int total) {
    String text =
        total > 1
            ? "exporting %s %d/%d".formatted(step, Math.min(done + 1, total), total)
            : "exporting " + step;
    if (terminal) {
      line.show(text);
    } else {
      err.println(text);
    }
  }

  /** Removes the line. */
  @Override
  public void close() {
    if (terminal) {
      line.show("");
    }
    err.flush();
  }
}
