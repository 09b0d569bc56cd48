package io.calm.host;

import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.slf4j.LoggerFactory;

/**
 * Logs requests that are answered with an error. At most {@link #LINES} of a minute have a line of
 * their own, so that clients cannot flood the log; the others are counted by status, and the first
 * refusal after the minute logs the counts. Nothing of a body is logged. Thread safe.
 */
final class RefusalLog {
  /** Lines per minute, without that of the counts. */
  static final int LINES = 10;

  private static final long MINUTE = 60_000_000_000L;

  private final LongSupplier nanoTime;
  private final Consumer<String> log;
  private final Map<Integer, Integer> unlogged = new TreeMap<>();
  private long start;
  private int lines;

  /** Creates a log that the server's operator reads. */
  RefusalLog() {
    this(System::nanoTime, LoggerFactory.getLogger(RefusalLog.class)::info);
  }

  /**
   * Creates a log.
   *
   * @param nanoTime a clock such as {@link System#nanoTime}
   * @param log receives the lines
   */
  RefusalLog(LongSupplier nanoTime, Consumer<String> log) {
    this.nanoTime = nanoTime;
    this.log = log;
    this.start = nanoTime.getAsLong();
  }

  /**
   * Logs a refusal, or counts it.
   *
   * @param request printable method, path, id and client of the request
   */
  synchronized void add(int status, String request) {
    long now = nanoTime.getAsLong();
    if (now - start >= MINUTE) {
      logUnlogged();
      start = now;
      lines = 0;
    }
    if (lines < LINES) {
      lines++;
      log.accept("%d for %s".formatted(status, request));
    } else {
      unlogged.merge(status, 1, Integer::sum);
    }
  }

  private void logUnlogged() {
    if (!unlogged.isEmpty()) {
      String counts =
          unlogged.entrySet().stream()
              .map(entry -> "%d times %d".formatted(entry.getValue(), entry.getKey()))
              .collect(Collectors.joining(", "));
      log.accept("more answers with errors: " + counts);
      unlogged.clear();
    }
  }
}
