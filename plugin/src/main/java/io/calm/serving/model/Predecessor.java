package io.calm.serving.model;

import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerStats;
import java.util.Optional;

/**
 * A model that the result of its search has replaced: its requests in flight, and its counters,
 * which stay when it is unloaded. Thread safe.
 */
public final class Predecessor {
  private final String variant;
  private volatile Optional<Scheduler> scheduler;
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
    scheduler = Optional.empty();
  }
}
