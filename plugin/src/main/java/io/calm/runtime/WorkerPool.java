package io.calm.runtime;

import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A pool of daemon threads that run the items of one job at a time, together with the caller.
 *
 * <p>A step has about 150 jobs of 10 to 100 microseconds, so an idle worker spins for some
 * microseconds before it parks. Between steps, the pool uses no processor time. The assignment of
 * items to workers is not deterministic, so results must not depend on it.
 */
final class WorkerPool implements AutoCloseable {
  /** Number of spins before parking: about 20 microseconds. */
  private static final int SPINS = 500;

  private final Worker[] workers;
  private volatile @Nullable Job current;
  private volatile boolean closed;

  /** The code that a job runs for each item. */
  @FunctionalInterface
  interface Task {
    /**
     * Runs one item.
     *
     * @param item index of the item, from 0
     * @param worker index of the thread, 0 to threads - 1; concurrent calls have different indexes
     */
    void run(int item, int worker);
  }

  WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("calm.threads must be positive, got " + threads);
    }
    workers = new Worker[threads - 1];
    try {
      for (int i = 0; i < workers.length; i++) {
        workers[i] = new Worker(i + 1);
        workers[i].setDaemon(true);
        workers[i].start();
      }
    } catch (RuntimeException | Error e) { // OutOfMemoryError: no more threads
      close();
      throw e;
    }
  }

  /** Returns the number of threads that run a job, including the caller. */
  int threads() {
    return workers.length + 1;
  }

  /**
   * Runs {@code task} for items 0 to {@code items - 1} and waits for all of them. Only one thread
   * at a time may call it. If items throw, the first exception is rethrown after all have ended.
   */
  void run(int items, Task task) {
    if (items == 1 || workers.length == 0) {
      for (int item = 0; item < items; item++) {
        task.run(item, 0);
      }
      return;
    }
    Job job = new Job(items, task, Thread.currentThread());
    current = job;
    for (int i = 0; i < Math.min(workers.length, items - 1); i++) {
      if (workers[i].parked.get()) {
        LockSupport.unpark(workers[i]);
      }
    }
    try {
      job.work(0);
    } finally { // a late error may be thrown between two items while workers are still running
      job.await();
      current = null;
    }
    job.rethrow();
  }

  /** Ends the threads after the job in progress. */
  @Override
  public void close() {
    closed = true;
    for (Worker worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  private final class Worker extends Thread {
    private final int number;
    private final AtomicBoolean parked = new AtomicBoolean();

    Worker(int number) {
      super("calm-worker-" + number);
      this.number = number;
    }

    @Override
    public void run() {
      Job seen = null;
      while (!closed) {
        seen = work(seen);
      }
    }

    /** Works on the next job and returns it; returns null when the pool is closed. */
    private @Nullable Job work(@Nullable Job seen) {
      try {
        Job job = awaitOtherThan(seen);
        if (job != null) {
          job.work(number);
        }
        return job;
      } catch (InternalError late) { // an unreadable memory page, reported late: see Job#work
        return seen;
      }
    }

    /** Returns a job that is not {@code seen}; null when the pool is closed. */
    private @Nullable Job awaitOtherThan(@Nullable Job seen) {
      for (int i = 0; i < SPINS; i++) {
        Job job = current;
        if (job != null && job != seen) {
          return job;
        }
        Thread.onSpinWait();
      }
      parked.set(true);
      Job job = current;
      while ((job == null || job == seen) && !closed) {
        LockSupport.park(WorkerPool.this);
        job = current;
      }
      parked.set(false);
      return closed ? null : job;
    }
  }

  private static final class Job {
    private final int items;
    private final Task task;
    private final Thread caller;
    private final AtomicInteger next = new AtomicInteger();
    private final AtomicInteger left;
    private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

    Job(int items, Task task, Thread caller) {
      this.items = items;
      this.task = task;
      this.caller = caller;
      this.left = new AtomicInteger(items);
    }

    /**
     * Runs items until none is left. The JVM may report an unreadable memory page late, at any
     * point of the thread, possibly after the item. The error must neither end the thread nor leave
     * an item uncounted.
     */
    void work(int worker) {
      boolean more = true;
      while (more) {
        try {
          more = workOne(worker);
        } catch (InternalError late) {
          failure.compareAndSet(null, late);
        }
      }
    }

    private boolean workOne(int worker) {
      int item = next.getAndIncrement();
      if (item >= items) {
        return false;
      }
      try {
        task.run(item, worker);
      } catch (RuntimeException | Error e) {
        failure.compareAndSet(null, e);
      } finally {
        if (left.decrementAndGet() == 0 && Thread.currentThread() != caller) {
          LockSupport.unpark(caller);
        }
      }
      return true;
    }

    void await() {
      for (int i = 0; i < SPINS && left.get() > 0; i++) {
        Thread.onSpinWait();
      }
      while (left.get() > 0) {
        LockSupport.park(this);
      }
    }

    void rethrow() {
      Throwable thrown = failure.get();
      if (thrown instanceof RuntimeException e) {
        throw e;
      }
      if (thrown instanceof Error e) {
        throw e;
      }
    }
  }
}
