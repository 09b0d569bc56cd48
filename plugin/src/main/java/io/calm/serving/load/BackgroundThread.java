package io.calm.serving.load;

import io.calm.kernels.NativeKernels;
import java.util.concurrent.FutureTask;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Threads of the lowest priority, for work beside models that answer requests. The threads that the
 * work starts inherit the priority, so a decoder that answers requests must not be opened there.
 */
final class BackgroundThread {
  private static final Logger logger = LoggerFactory.getLogger(BackgroundThread.class);

  private BackgroundThread() {}

  /**
   * Runs work on a thread of its own, and returns its result or throws what it throws.
   *
   * @param purpose purpose of the work, in the name of the thread
   * @throws InterruptedException if this thread is interrupted; the work continues
   */
  static <T> T call(String purpose, ModelLoader.Order order, Supplier<T> work)
      throws InterruptedException {
    FutureTask<T> task =
        new FutureTask<>(
            () -> {
              lowerPriority(purpose, order);
              return work.get();
            });
    daemon("calm-" + purpose + "-" + order.name(), task);
    return Results.await(task);
  }

  private static void lowerPriority(String purpose, ModelLoader.Order order) {
    if (!NativeKernels.lowerPriority(order.settings().decoder().threadCount())) {
      logger.info(
          "{}: its {} thread runs at normal priority; lowering it needs the native library",
          order.name(),
          purpose);
    }
  }

  /** Starts a daemon thread of the priority of this one. */
  static void daemon(String name, Runnable work) {
    Thread thread = new Thread(work, name);
    thread.setDaemon(true);
    thread.start();
  }
}
