package io.calm.generate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A request from submission to its last event: what the client asks for, times, and that it ends
 * once.
 */
final class Ticket implements Generation {
  private static final Logger logger = LoggerFactory.getLogger(Ticket.class);

  private final GenerationRequest request;
  private final LongSupplier nanoClock;
  private final Runnable signal;
  private final long submitted;
  private long arrival;
  private @Nullable ActiveSequence sequence;
  private OptionalLong started = OptionalLong.empty();
  private OptionalLong firstToken = OptionalLong.empty();
  private boolean finished;
  private volatile boolean cancelled;
  private volatile boolean paused;

  /**
   * @param signal wakes the loop
   */
  Ticket(GenerationRequest request, LongSupplier nanoClock, Runnable signal) {
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
    signal.run(); // others may run in its place
  }

  @Override
  public void resume() {
    paused = false;
    signal.run();
  }

  boolean paused() {
    return paused;
  }

  /** Returns why the request has to end before the next step, if it has to. */
  Optional<Finish.Reason> over() {
    if (cancelled) {
      return Optional.of(Finish.Reason.CANCELLED);
    }
    OptionalLong left = nanosLeft();
    return left.isPresent() && left.getAsLong() <= 0
        ? Optional.of(Finish.Reason.DEADLINE)
        : Optional.empty();
  }

  /** Returns how long the deadline is away; negative where it has passed, empty without one. */
  OptionalLong nanosLeft() {
    return request.deadline().isPresent()
        ? OptionalLong.of(request.deadline().get().toNanos() - elapsed())
        : OptionalLong.empty();
  }

  /** Takes its place among all requests. */
  void arrived(long number) {
    arrival = number;
  }

  long arrival() {
    return arrival;
  }

  /** Returns the request's sequence; made by the client's thread, then the loop's. */
  ActiveSequence sequence() {
    if (sequence == null) {
      sequence = new ActiveSequence(this);
    }
    return sequence;
  }

  void start() {
    started = OptionalLong.of(elapsed());
  }

  /** Notes that a token was generated and returns when, since submission. */
  long tokenAt() {
    long now = elapsed();
    if (firstToken.isEmpty()) {
      firstToken = OptionalLong.of(now);
    }
    return now;
  }

  private long elapsed() {
    return nanoClock.getAsLong() - submitted;
  }

  void finish(Finish.Reason reason, Optional<String> error, String text, int generated) {
    if (finished) {
      throw new IllegalStateException("a generation ended twice");
    }
    finished = true;
    Duration total = Duration.ofNanos(elapsed());
    Finish finish =
        new Finish(
            reason,
            error,
            text,
            new Finish.Usage(request.prompt().length, generated),
            new Finish.Timing(
                started.isPresent() ? Duration.ofNanos(started.getAsLong()) : total,
                firstToken.isPresent()
                    ? Optional.of(Duration.ofNanos(firstToken.getAsLong()))
                    : Optional.empty(),
                total));
    try {
      request.listener().finished(finish);
    } catch (RuntimeException | Error e) {
      logger.warn("a listener failed at the end of its generation ({})", reason, e);
    }
  }
}
