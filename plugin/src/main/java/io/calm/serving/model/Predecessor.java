package io.calm.serving.model;

import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;

/**
 * A model that the result of its search has replaced: its requests in flight, and its counters,
 * which stay when it is unloaded. Thread safe.
 */
public final class Predecessor {
  private final String variant;
  private volatile Optional<Scheduler> scheduler;
  private final CountDownLatch unloaded = new CountDownLatch(1);
  private volatile boolean ended;
  private volatile SchedulerStats last = SchedulerStats.NONE;

  Predecessor(ServedModel model) {
    this.variant = model.variant();
    this.scheduler = Optional.of(model.scheduler());
  }

  /** Returns the label of its metrics. */
  public String variant() {
    return variant;
  }

  /** Returns its requests and KV blocks, which are none once it is unloaded, and its counters. */
  public SchedulerStats stats() {
    return scheduler.map(Scheduler::stats).orElse(last);
  }

  /** Keeps the counters and lets go of the rest. Called when the model is unloaded. */
  void unloaded() {
    last = stats().counters();
    ended = scheduler.map(Scheduler::ended).orElse(ended);
    scheduler = Optional.empty();
    unloaded.countDown();
  }

  /**
   * Waits until the model is unloaded.
   *
   * @return whether its requests have ended; false if its last step does not end
   */
  boolean awaitUnloaded() throws InterruptedException {
    unloaded.await();
    return ended;
  }
}
