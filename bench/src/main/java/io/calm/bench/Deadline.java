package io.calm.bench;

/** The time that a command may take. */
final class Deadline {
  private static final double NANOS = 1e9;

  private final double seconds;
  private final long start = System.nanoTime();

  Deadline(double seconds) {
    this.seconds = seconds;
  }

  /** Returns whether a measure that takes about {@code expected} seconds ends in time. */
  boolean allows(double expected) {
    return passed() + expected <= seconds;
  }

  /** Returns the seconds since the start. */
  double passed() {
    return (System.nanoTime() - start) / NANOS;
  }

  double seconds() {
    return seconds;
  }
}
