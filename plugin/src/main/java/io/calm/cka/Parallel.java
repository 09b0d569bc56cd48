package io.calm.cka;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import java.util.function.Supplier;

/** Runs numbered tasks on the caller's thread and a few short-lived ones; uses no pool. */
final class Parallel {
  private Parallel() {}

  /**
   * Runs the tasks 0 to {@code tasks - 1} and returns when all have ended.
   *
   * @param worker makes the task body of one thread, with its scratch
   */
  static void forEach(int tasks, int threads, Supplier<IntConsumer> worker) {
    AtomicInteger next = new AtomicInteger();
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Runnable loop =
        () -> {
          try {
            IntConsumer body = worker.get();
            for (int task = next.getAndIncrement(); task < tasks; task = next.getAndIncrement()) {
              body.accept(task);
            }
          } catch (RuntimeException | Error e) {
            failure.compareAndSet(null, e);
            next.set(tasks);
          }
        };
    Thread[] helpers = new Thread[Math.max(0, Math.min(threads, tasks) - 1)];
    for (int i = 0; i < helpers.length; i++) {
      helpers[i] = new Thread(loop, "calm-cka-" + (i + 1));
      helpers[i].setDaemon(true);
      helpers[i].start();
    }
    loop.run();
    for (Thread helper : helpers) {
      join(helper);
    }
    Throwable thrown = failure.get();
    if (thrown instanceof RuntimeException e) {
      throw e;
    }
    if (thrown instanceof Error e) {
      throw e;
    }
  }

  private static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
