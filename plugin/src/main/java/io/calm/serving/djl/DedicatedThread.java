package io.calm.serving.djl;

import io.calm.serving.load.Results;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import java.util.function.Supplier;

/**
 * Runs a long task on a dedicated thread while the caller waits. DJL Serving registers models on
 * the common fork-join pool, which also runs {@code /ping} and responses. The wait is a {@link
 * ForkJoinPool.ManagedBlocker}, so the pool adds a thread for its duration.
 */
final class DedicatedThread<T> implements ForkJoinPool.ManagedBlocker {
  private final CompletableFuture<T> result = new CompletableFuture<>();

  private DedicatedThread() {}

  /**
   * Runs a task and returns its result, or throws its exception.
   *
   * @throws InterruptedException if the caller is interrupted; the task is interrupted too, and a
   *     result that still arrives is closed
   */
  static <T> T call(String name, Supplier<T> task) throws InterruptedException {
    DedicatedThread<T> wait = new DedicatedThread<>();
    Thread thread = new Thread(() -> wait.run(task), name);
    thread.setDaemon(true);
    thread.start();
    try {
      ForkJoinPool.managedBlock(wait);
      return Results.await(wait.result);
    } catch (InterruptedException e) {
      thread.interrupt();
      CompletableFuture<Void> unused = wait.result.thenAccept(DedicatedThread::discard);
      throw e;
    }
  }

  private static void discard(Object result) {
    if (result instanceof AutoCloseable closeable) {
      try {
        closeable.close();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      } catch (Exception e) {
        throw new IllegalStateException("cannot close the result of an interrupted task", e);
      }
    }
  }

  private void run(Supplier<T> task) {
    try {
      result.complete(task.get());
    } catch (Throwable e) {
      result.completeExceptionally(e);
    }
  }

  @Override
  public boolean block() throws InterruptedException {
    try {
      result.get();
    } catch (ExecutionException e) {
      return true;
    }
    return true;
  }

  @Override
  public boolean isReleasable() {
    return result.isDone();
  }
}
