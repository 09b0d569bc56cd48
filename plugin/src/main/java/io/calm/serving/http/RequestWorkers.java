package io.calm.serving.http;

import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * An executor for parsing and tokenizing off the event loops. Large bodies share one dedicated
 * thread, so at most one of them is in memory in parsed form and small ones never wait for them.
 * Tasks run in order of arrival, which is fair: a connection has one request in flight.
 */
public final class RequestWorkers implements Executor, AutoCloseable {
  /** Minimum size in bytes of a body that runs on the thread for large ones. */
  public static final int LARGE = 1 << 16;

  private static final int THREADS = 2;
  private static final int MAX_WAITING = 1024;
  private static final int MAX_LARGE_WAITING = 256;

  private final ThreadPoolExecutor small = pool("calm-request-", THREADS, MAX_WAITING);
  private final ThreadPoolExecutor large = pool("calm-large-request-", 1, MAX_LARGE_WAITING);

  /**
   * A task with work proportional to the size of a request's body.
   *
   * @param bytes of the body
   */
  public record Sized(int bytes, Runnable work) implements Runnable {
    @Override
    public void run() {
      work.run();
    }
  }

  private static ThreadPoolExecutor pool(String name, int threads, int waiting) {
    AtomicInteger count = new AtomicInteger();
    ThreadPoolExecutor pool =
        new ThreadPoolExecutor(
            threads,
            threads,
            30,
            TimeUnit.SECONDS,
            new ArrayBlockingQueue<>(waiting),
            task -> {
              Thread thread = new Thread(task, name + count.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
    pool.allowCoreThreadTimeOut(true);
    return pool;
  }

  /**
   * Schedules a task on a daemon thread: {@link Sized} ones by size, others as small.
   *
   * @throws java.util.concurrent.RejectedExecutionException if 1024 small or 256 large ones wait
   */
  @Override
  public void execute(Runnable task) {
    boolean isLarge = task instanceof Sized sized && sized.bytes() >= LARGE;
    (isLarge ? large : small).execute(task);
  }

  /** Interrupts the tasks that run and drops those that wait. */
  @Override
  public void close() {
    for (ThreadPoolExecutor pool : List.of(small, large)) {
      List<Runnable> unused = pool.shutdownNow();
    }
  }
}
