package io.calm.generate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A request from submission to its last event: cancellation, times, and that it ends once. */
final class Ticket implements Generation {
  private static final Logger logger = LoggerFactory.getLogger(Ticket.class);

  private final GenerationRequest request;
  private final LongSupplier nanoClock;
  private final long submitted;
  private OptionalLong started = OptionalLong.empty();
  private OptionalLong firstToken = OptionalLong.empty();
  private boolean finished;
  private volatile boolean cancelled;

  Ticket(GenerationRequest request, LongSupplier nanoClock) {
    this.request = request;
    this.nanoClock = nanoClock;
    this.submitted = nanoClock.getAsLong();
  }

  GenerationRequest request() {
    return request;
  }

  @Override
  public void cancel() {
    cancelled = true;
  }

  boolean cancelled() {
    return cancelled;
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
    } catch (RuntimeException e) {
      logger.warn("a listener failed at the end of its generation ({})", reason, e);
    }
  }
}
