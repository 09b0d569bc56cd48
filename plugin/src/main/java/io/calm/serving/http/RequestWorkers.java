package io.calm.serving.http;

import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * An executor for parsing and tokenizing off the event loops. Large bodies share one dedicated
 * thread, so at most one of them is in memory in parsed form and small ones never wait for them.
 * Tasks run in order of arrival, which is fair: a connection has one request in flight.
 */
public final class RequestWorkers extends AbstractExecutorService {
  /** Minimum size in bytes of a body that runs on the thread for large ones. */
  public static final int LARGE = 1 << 16;

  private static final int THREADS = 2;
  private static final int MAX_WAITING = 1024;
  private static final int MAX_LARGE_WAITING = 256;

  private final ThreadPoolExecutor small = pool("calm-request-", THREADS, MAX_WAITING);
  private final ThreadPoolExecutor large = pool("calm-large-request-", 1, MAX_LARGE_WAITING);

  private RequestWorkers() {}

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

  /**
   * Returns an executor on daemon threads that schedules {@link Sized} tasks by size and treats
   * others as small. It refuses tasks once 1024 small or 256 large ones wait.
   */
  public static ExecutorService create() {
    return new RequestWorkers();
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

  @Override
  public void execute(Runnable task) {
    boolean isLarge = task instanceof Sized sized && sized.bytes() >= LARGE;
    (isLarge ? large : small).execute(task);
  }

  @Override
  public void shutdown() {
    small.shutdown();
    large.shutdown();
  }

  @Override
  public List<Runnable> shutdownNow() {
    return Stream.concat(small.shutdownNow().stream(), large.shutdownNow().stream()).toList();
  }

  @Override
  public boolean isShutdown() {
    return small.isShutdown() && large.isShutdown();
  }

  @Override
  public boolean isTerminated() {
    return small.isTerminated() && large.isTerminated();
  }

  @Override
  public boolean awaitTermination(long timeout, TimeUnit unit) throws InterruptedException {
    long end = System.nanoTime() + unit.toNanos(timeout);
    return small.awaitTermination(timeout, unit)
        && large.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS);
  }
}
