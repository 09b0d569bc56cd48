package io.calm.serving.model;

import io.calm.search.Progress;
import java.util.function.Consumer;

/**
 * The latest moment of a load; the loader writes it, anybody reads it. A load that was cancelled
 * ends at its next report. Thread safe.
 */
public final class LoadProgress implements Consumer<Progress> {
  private volatile Progress current = new Progress.Step(Progress.Kind.QUEUED);
  private volatile boolean cancelled;

  /**
   * Reports a moment.
   *
   * @throws LoadCancelledException if nobody wants the model any more
   */
  @Override
  public void accept(Progress moment) {
    requireWanted();
    current = moment;
  }

  public Progress current() {
    return current;
  }

  /** Asks the loader to end; does not wait. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * Ends a load that was cancelled.
   *
   * @throws LoadCancelledException if it was
   */
  public void requireWanted() {
    if (cancelled) {
      throw new LoadCancelledException("the model was unregistered while it was being loaded");
    }
  }
}
