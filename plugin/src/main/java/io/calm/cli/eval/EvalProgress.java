package io.calm.cli.eval;

import java.io.PrintWriter;

/** Prints the progress of an evaluation, at most one line every few seconds. */
public final class EvalProgress {
  private static final long INTERVAL_NANOS = 5_000_000_000L;

  private final PrintWriter err;
  private String name = "";
  private int total;
  private long last = System.nanoTime();

  public EvalProgress(PrintWriter err) {
    this.err = err;
  }

  /** Starts a text or task with {@code total} scored tokens. */
  void start(String name, int total) {
    this.name = name;
    this.total = total;
  }

  /** Reports the number of tokens that are done. */
  void count(int tokens) {
    if (isDue()) {
      print("%s: %d of %d tokens".formatted(name, tokens, total));
    }
  }

  /** Reports an activity of the full-precision model. */
  public void reference(String activity) {
    if (isDue()) {
      print("reference: " + activity);
    }
  }

  private boolean isDue() {
    long now = System.nanoTime();
    if (now - last < INTERVAL_NANOS) {
      return false;
    }
    last = now;
    return true;
  }

  private void print(String line) {
    err.println(line);
    err.flush();
  }
}
