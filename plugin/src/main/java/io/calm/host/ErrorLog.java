package io.calm.host;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.LoggerFactory;

/**
 * Logs requests that are answered with an error. At most {@link #LINES} of a minute and status have
 * a line of their own, so that clients can neither flood the log nor hide another error; the others
 * are counted by status, and the first error after the minute logs the counts. Nothing of a body is
 * logged. Thread safe.
 */
final class ErrorLog {
  /** Lines per minute and status, without that of the counts. */
  static final int LINES = 10;

  private static final long MINUTE = 60_000_000_000L;

  private final LongSupplier nanoTime;
  private final Consumer<String> log;

  /** Errors of this minute by status. */
  private final Map<Integer, Integer> counts = new TreeMap<>();

  private long start;

  /** Creates a log that the server's operator reads. */
  ErrorLog() {
    this(System::nanoTime, LoggerFactory.getLogger(ErrorLog.class)::info);
  }

  /**
   * Creates a log.
   *
   * @param nanoTime a clock such as {@link System#nanoTime}
   * @param log receives the lines
   */
  ErrorLog(LongSupplier nanoTime, Consumer<String> log) {
    this.nanoTime = nanoTime;
    this.log = log;
    this.start = nanoTime.getAsLong();
  }

  /**
   * Logs an error, or counts it.
   *
   * @param request printable method, path, id and client of the request
   */
  synchronized void add(int status, String request) {
    long now = nanoTime.getAsLong();
    if (now - start >= MINUTE) {
      logUnlogged();
      counts.clear();
      start = now;
    }
    if (counts.merge(status, 1, Integer::sum) <= LINES) {
      log.accept("%d for %s".formatted(status, request));
    }
  }

  private void logUnlogged() {
    String unlogged =
        counts.entrySet().stream()
            .filter(entry -> entry.getValue() > LINES)
            .map(entry -> "%d times %d".formatted(entry.getValue() - LINES, entry.getKey()))
            .collect(Collectors.joining(", "));
    if (!unlogged.isEmpty()) {
      log.accept("more answers with errors: " + unlogged);
    }
  }
}
