package io.calm.serving.model;

import io.calm.search.Progress;
import java.util.function.Consumer;

/**
 * The latest progress of a load, written by the loader and read by any thread. A cancelled load
 * ends at its next report. Thread safe.
 */
public final class LoadProgress implements Consumer<Progress> {
  private volatile Progress current = new Progress.Step(Progress.Kind.QUEUED);
  private volatile boolean cancelled;

  /**
   * Reports progress.
   *
   * @throws LoadCancelledException if the load was cancelled
   */
  @Override
  public void accept(Progress moment) {
    requireWanted();
    current = moment;
  }

  public Progress current() {
    return current;
  }

  /** Cancels the load, without waiting for its end. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * Throws an exception if the load was cancelled.
   *
   * @throws LoadCancelledException if it was
   */
  public void requireWanted() {
    if (cancelled) {
      throw new LoadCancelledException("the model was unregistered while it was being loaded");
    }
  }
}
