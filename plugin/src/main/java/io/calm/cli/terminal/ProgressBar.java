package io.calm.cli.terminal;

import io.calm.search.Progress;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;

/**
 * Shows a search on standard error: a bar that is redrawn in place on a terminal, one line a block
 * anywhere else.
 *
 * <p>While a bar is open on a terminal, {@code System.err} is the stream above it, so that log
 * lines and bar do not run into each other. Thread safe.
 */
public final class ProgressBar implements Consumer<Progress>, AutoCloseable {
  /** System property that the start script sets: columns of the terminal, absent where none is. */
  public static final String COLUMNS = "calm.terminal.columns";

  private final PrintStream before;
  private final Display display;

  private ProgressBar(PrintStream before, Display display) {
    this.before = before;
    this.display = display;
  }

  /** Opens a bar on {@code System.err}, as the terminal it may be. */
  public static ProgressBar open() {
    return open(System.err, Integer.getInteger(COLUMNS, 0));
  }

  /**
   * Opens a bar on {@code err}.
   *
   * @param columns of the terminal; 0 where it is none
   */
  static ProgressBar open(PrintStream err, int columns) {
    PrintStream before = System.err;
    if (columns <= 0) {
      return new ProgressBar(before, new Lines(err));
    }
    StatusLine line = new StatusLine(err);
    System.setErr(new PrintStream(line, true, StandardCharsets.UTF_8));
    return new ProgressBar(before, new Bar(line, columns));
  }

  @Override
  public void accept(Progress moment) {
    display.show(moment);
  }

  /** Takes the bar away and gives {@code System.err} back. */
  @Override
  public void close() {
    display.close();
    if (display instanceof Bar) {
      System.setErr(before);
    }
  }

  private sealed interface Display {
    void show(Progress moment);

    void close();
  }

  private record Bar(StatusLine line, int columns) implements Display {
    @Override
    public void show(Progress moment) {
      line.show(ProgressText.bar(moment, columns));
    }

    @Override
    public void close() {
      line.show("");
    }
  }

  private static final class Lines implements Display {
    private final PrintStream err;
    private String last = "";

    Lines(PrintStream err) {
      this.err = err;
    }

    @Override
    public synchronized void show(Progress moment) {
      String step = moment.phase() + ' ' + count(moment);
      if (!step.equals(last)) {
        last = step;
        err.println(ProgressText.plain(moment));
      }
    }

    /** Returns the number of the block or token, or 0 for a phase that has none. */
    private static int count(Progress moment) {
      if (moment instanceof Progress.Sampling sampling) {
        return sampling.tokens();
      }
      return moment instanceof Progress.BlockPhase phase ? phase.position().block() : 0;
    }

    @Override
    public void close() {
      err.flush();
    }
  }
}
