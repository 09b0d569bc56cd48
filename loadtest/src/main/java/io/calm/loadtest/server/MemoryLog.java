package io.calm.loadtest.server;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** The server's memory, sampled once per second under load. Thread safe. */
public final class MemoryLog implements AutoCloseable {
  private final List<Double> bytes = new ArrayList<>();
  private final ScheduledExecutorService timer =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "loadtest-memory");
            thread.setDaemon(true);
            return thread;
          });

  /** Starts sampling. */
  @SuppressWarnings("FutureReturnValueIgnored") // ends with the timer
  public void start(Observer server) {
    timer.scheduleAtFixedRate(
        () -> {
          try {
            server.residentBytes().ifPresent(this::add);
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        },
        0,
        1,
        TimeUnit.SECONDS);
  }

  synchronized void add(double resident) {
    bytes.add(resident);
  }

  /** Returns the largest sample. */
  public synchronized OptionalDouble max() {
    return bytes.stream().mapToDouble(Double::doubleValue).max();
  }

  /**
   * Returns by how much the memory grew: the median of the last quarter of the time over that of
   * the second quarter, less 1. The first quarter is the server's to warm up. Empty where there are
   * fewer than 8 values.
   */
  public synchronized OptionalDouble growth() {
    int quarter = bytes.size() / 4;
    if (quarter < 2) {
      return OptionalDouble.empty();
    }
    double early = median(bytes.subList(quarter, 2 * quarter));
    double late = median(bytes.subList(bytes.size() - quarter, bytes.size()));
    return OptionalDouble.of(late / early - 1);
  }

  private static double median(List<Double> values) {
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).toArray();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  @Override
  public void close() {
    timer.shutdownNow();
  }
}
