package io.calm.generate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A submitted request: the client's control over it, its times, and the guarantee that it ends
 * exactly once.
 */
final class Submission implements Generation {
  private static final Logger logger = LoggerFactory.getLogger(Submission.class);

  private final GenerationRequest request;
  private final LongSupplier nanoClock;
  private final Runnable signal;
  private final long submitted;
  private long arrival;
  private @Nullable ActiveSequence sequence;
  private OptionalLong started = OptionalLong.empty();
  private boolean finished;
  private volatile boolean cancelled;
  private volatile boolean paused;

  /**
   * @param signal wakes the scheduler's thread
   */
  Submission(GenerationRequest request, LongSupplier nanoClock, Runnable signal) {
    this.request = request;
    this.nanoClock = nanoClock;
    this.signal = signal;
    this.submitted = nanoClock.getAsLong();
  }

  GenerationRequest request() {
    return request;
  }

  @Override
  public void cancel() {
    cancelled = true;
    signal.run();
  }

  @Override
  public void pause() {
    paused = true;
    signal.run(); // another request may run instead
  }

  @Override
  public void resume() {
    paused = false;
    signal.run();
  }

  boolean paused() {
    return paused;
  }

  /** Returns whether the request must not go on now: paused, cancelled or timed out. */
  boolean interrupted() {
    return paused || endReason().isPresent();
  }

  /** Returns the reason if the request must end before the next step: cancelled or timed out. */
  Optional<Finish.Reason> endReason() {
    if (cancelled) {
      return Optional.of(Finish.Reason.CANCELLED);
    }
    OptionalLong left = nanosLeft();
    return left.isPresent() && left.getAsLong() <= 0
        ? Optional.of(Finish.Reason.DEADLINE)
        : Optional.empty();
  }

  /** Returns the time until the deadline; negative if it has passed, empty without a timeout. */
  OptionalLong nanosLeft() {
    return request.timeout().isPresent()
        ? OptionalLong.of(request.timeout().get().toNanos() - elapsed())
        : OptionalLong.empty();
  }

  /** Sets the request's arrival number, which defines the order of all requests. */
  void arrived(long number) {
    arrival = number;
  }

  long arrival() {
    return arrival;
  }

  /**
   * Returns the request's sequence, creating it if necessary. The client's thread creates it before
   * the request is queued; then it belongs to the scheduler's thread.
   */
  ActiveSequence sequence() {
    if (sequence == null) {
      sequence = new ActiveSequence(this);
    }
    return sequence;
  }

  void start() {
    started = OptionalLong.of(elapsed());
  }

  /** Returns the nanoseconds since submission. */
  long elapsed() {
    return nanoClock.getAsLong() - submitted;
  }

  void finish(Finish.Reason reason, Optional<String> error, int generated) {
    if (finished) {
      throw new IllegalStateException("a generation ended twice");
    }
    finished = true;
    Duration total = Duration.ofNanos(elapsed());
    Finish finish =
        new Finish(
            reason,
            error,
            new Finish.Usage(request.prompt().length, generated),
            new Finish.Timing(
                started.isPresent() ? Duration.ofNanos(started.getAsLong()) : total, total));
    try {
      request.listener().finished(finish);
    } catch (RuntimeException | Error e) {
      logger.warn("a listener failed at the end of its generation ({})", reason, e);
    }
  }
}
