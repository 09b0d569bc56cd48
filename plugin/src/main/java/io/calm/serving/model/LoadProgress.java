package io.calm.serving.model;

import io.calm.search.Progress;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * The latest progress of a load, written by the loader and read by any thread. A cancelled load
 * ends at its next report. Thread safe.
 */
public final class LoadProgress implements Consumer<Progress> {
  private static final double NANOS_PER_SECOND = 1e9;

  private final LongSupplier nanoClock;
  private final long began;
  private volatile Progress current = new Progress.Step(Progress.Kind.QUEUED);
  private volatile Optional<LoadCancelledException.Reason> cancelled = Optional.empty();

  /** Begins a load now. */
  public LoadProgress() {
    this(System::nanoTime);
  }

  LoadProgress(LongSupplier nanoClock) {
    this.nanoClock = nanoClock;
    this.began = nanoClock.getAsLong();
  }

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

  /** Returns the seconds since the load began, in whichever phase it is. */
  public double elapsedSeconds() {
    return (nanoClock.getAsLong() - began) / NANOS_PER_SECOND;
  }

  /** Cancels the load, without waiting for its end. */
  public void cancel(LoadCancelledException.Reason reason) {
    cancelled = Optional.of(reason);
  }

  /**
   * Returns the reason that a load failed: the cancellation of a cancelled load, whatever ended it,
   * or else the given one.
   */
  public Throwable reason(Throwable failure) {
    try {
      requireWanted();
      return failure;
    } catch (LoadCancelledException cancelled) {
      if (!(failure instanceof LoadCancelledException)) {
        cancelled.addSuppressed(failure);
      }
      return cancelled;
    }
  }

  /**
   * Throws an exception if the load was cancelled.
   *
   * @throws LoadCancelledException if it was
   */
  public void requireWanted() {
    Optional<LoadCancelledException.Reason> reason = cancelled;
    if (reason.isPresent()) {
      throw new LoadCancelledException(
          reason.get(),
          switch (reason.get()) {
            case UNREGISTERED -> "the model was unregistered while it was being loaded";
            case STOPPING -> "the model is not loaded: the server is stopping";
          });
    }
  }
}
