package io.calm.serving.djl;

import io.calm.serving.ServedModel;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import org.jspecify.annotations.Nullable;

/**
 * Loads on a thread of its own while the caller waits. DJL Serving loads models on the common
 * fork-join pool, which also runs {@code /ping} and responses: the wait is a {@link
 * ForkJoinPool.ManagedBlocker}, so the pool gets another thread for its duration.
 */
final class LoadThread implements ForkJoinPool.ManagedBlocker {
  private final CompletableFuture<ServedModel> result = new CompletableFuture<>();
  private final Thread thread;

  private LoadThread(LoadModel loader, LoadModel.Order order) {
    thread = new Thread(() -> run(loader, order), "calm-load-" + order.name());
    thread.setDaemon(true);
  }

  /**
   * Loads the model and returns it, or throws what the loader threw.
   *
   * @throws InterruptedException if the caller was interrupted; the load is interrupted too
   */
  static ServedModel load(LoadModel loader, LoadModel.Order order)
      throws IOException, InterruptedException {
    LoadThread load = new LoadThread(loader, order);
    load.thread.start();
    try {
      ForkJoinPool.managedBlock(load);
      return load.result.get();
    } catch (InterruptedException e) {
      load.thread.interrupt();
      throw e;
    } catch (ExecutionException e) {
      throw rethrown(e.getCause());
    }
  }

  private void run(LoadModel loader, LoadModel.Order order) {
    try {
      result.complete(loader.load(order));
    } catch (Throwable e) {
      result.completeExceptionally(e);
    }
  }

  private static IOException rethrown(@Nullable Throwable cause) throws InterruptedException {
    if (cause instanceof IOException e) {
      return e;
    }
    if (cause instanceof InterruptedException e) {
      throw e;
    }
    if (cause instanceof RuntimeException e) {
      throw e;
    }
    if (cause instanceof Error e) {
      throw e;
    }
    return new IOException(cause);
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
