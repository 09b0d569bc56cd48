package io.calm.cli.terminal;

import io.calm.search.Progress;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * Shows the progress of a search on standard error: a bar on a terminal, one line per block
 * anywhere else. Both have the time since the bar was opened, all phases together.
 *
 * <p>While a bar is open on a terminal, {@code System.err} is the stream above it, so that log
 * lines and bar do not run into each other. Thread safe.
 */
public final class ProgressBar implements Consumer<Progress>, AutoCloseable {
  /**
   * System property with the columns of the terminal, set by the start script; absent without one.
   */
  public static final String COLUMNS = "calm.terminal.columns";

  private static final double NANOS_PER_SECOND = 1e9;

  private final PrintStream before;
  private final Display display;
  private final LongSupplier nanoClock;
  private final long opened;

  private ProgressBar(PrintStream before, Display display, LongSupplier nanoClock) {
    this.before = before;
    this.display = display;
    this.nanoClock = nanoClock;
    this.opened = nanoClock.getAsLong();
  }

  /** Opens a bar on {@code System.err}. */
  public static ProgressBar open() {
    return open(System.err, Integer.getInteger(COLUMNS, 0), System::nanoTime);
  }

  /**
   * Opens a bar on {@code err}.
   *
   * @param columns of the terminal; 0 if there is none
   * @param nanoClock monotonic clock in nanoseconds
   */
  static ProgressBar open(PrintStream err, int columns, LongSupplier nanoClock) {
    PrintStream before = System.err;
    if (columns <= 0) {
      return new ProgressBar(before, new Lines(err), nanoClock);
    }
    StatusLine line = new StatusLine(err);
    System.setErr(new PrintStream(line, true, StandardCharsets.UTF_8));
    return new ProgressBar(before, new Bar(line, columns), nanoClock);
  }

  @Override
  public void accept(Progress moment) {
    display.show(moment, (nanoClock.getAsLong() - opened) / NANOS_PER_SECOND);
  }

  /** Removes the bar and restores {@code System.err}. */
  @Override
  public void close() {
    display.close();
    if (display instanceof Bar) {
      System.setErr(before);
    }
  }

  private sealed interface Display {
    void show(Progress moment, double elapsedSeconds);

    void close();
  }

  private record Bar(StatusLine line, int columns) implements Display {
    @Override
    public void show(Progress moment, double elapsedSeconds) {
      line.show(ProgressText.bar(moment, elapsedSeconds, columns));
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
    public synchronized void show(Progress moment, double elapsedSeconds) {
      String step = moment.phase() + ' ' + count(moment);
      if (!step.equals(last)) {
        last = step;
        err.println(ProgressText.plain(moment, elapsedSeconds));
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
