package io.calm.compare;

import io.calm.compare.LatencyReport.TwinState;
import io.calm.generate.Scheduler;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The uniform twin of a compared model: its state, its files, and the scheduler that answers a
 * share of the requests. One thread makes and opens it; the state may be read on any.
 */
final class ComparedTwin {
  private static final Logger logger = LoggerFactory.getLogger(ComparedTwin.class);

  private final String model;
  private final TwinSource source;
  private final ShadowShare shadow;
  private final BooleanSupplier closed;
  private volatile LatencyReport.Twin twin;
  private volatile Optional<String> shareFailure = Optional.empty();
  private volatile boolean reading;

  /**
   * Describes the twin. A failure is a state of the twin, not of the model.
   *
   * @param closed whether the model is being unloaded
   */
  ComparedTwin(
      String model,
      TwinSource source,
      Supplier<LatencyReport.Twin> description,
      ShadowShare shadow,
      BooleanSupplier closed) {
    this.model = model;
    this.source = source;
    this.shadow = shadow;
    this.closed = closed;
    this.twin = describe(description);
  }

  private static LatencyReport.Twin describe(Supplier<LatencyReport.Twin> description) {
    try {
      return description.get();
    } catch (RuntimeException e) {
      return new LatencyReport.Twin("auto", "", false, TwinState.FAILED, reason(e));
    }
  }

  /**
   * Returns the state, which is a failure as long as the twin should answer requests and cannot.
   */
  LatencyReport.Twin state() {
    return shadow
        .failure()
        .map(failure -> "its scheduler has died: " + failure)
        .or(() -> shareFailure)
        .map(reason -> twin.with(TwinState.FAILED, reason))
        .orElse(twin);
  }

  /** Returns the variant of the twin; empty if there is none. */
  String variant() {
    return twin.variant();
  }

  /** Returns whether the twin is stored, and answers its share of the requests if it has one. */
  boolean isReady() {
    return twin.state() == TwinState.READY && shareFailure.isEmpty();
  }

  /** Returns whether the twin is made or read, for which no memory of decoders is reserved. */
  boolean isReading() {
    return reading;
  }

  /**
   * Verifies the twin, which is made first if it is missing or damaged, and lets it answer its
   * share of the requests. That it cannot be made is thrown, and is its state unless it answers
   * already.
   */
  void make() {
    if (twin.state() != TwinState.READY) {
      twin = twin.with(TwinState.MAKING, "it is quantized in the background");
    }
    try (TwinSource.Stored stored = reading(() -> source.make(closed))) {
      twin = reading(source::describe);
      throwIfClosed(); // an unloading that met files being read does not wait for a decoder
      answer(stored);
    } catch (RuntimeException | Error e) {
      if (shadow.twin().isEmpty()) {
        failed(e);
      }
      throw e;
    }
  }

  private void throwIfClosed() {
    if (closed.getAsBoolean()) {
      throw new IllegalStateException("the model is being unloaded");
    }
  }

  /** Reads and verifies both plans. */
  TwinSource.Plans read() {
    return reading(source::read);
  }

  private <T> T reading(Supplier<T> work) {
    reading = true;
    try {
      return work.get();
    } finally {
      reading = false;
    }
  }

  /** Lets the twin answer its share of the requests, unless it does. */
  private void answer(TwinSource.Stored stored) {
    if (shadow.share() == 0 || shadow.started().isPresent()) {
      return;
    }
    try {
      Scheduler scheduler = stored.schedule(shadow.share(), this::throwIfClosed);
      shadow.start(new ShadowShare.Twin(twin.variant(), scheduler));
      shareFailure = Optional.empty();
      logger.info(
          "{}: {} answers a share of {} of the requests", model, twin.variant(), shadow.share());
    } catch (RuntimeException | Error e) {
      shareFailure = Optional.of(reason(e));
      warn(e);
    }
  }

  /** Records that there is no twin for now. */
  void failed(Throwable e) {
    if (!closed.getAsBoolean()) {
      twin = twin.with(TwinState.FAILED, reason(e));
      warn(e);
    }
  }

  private void warn(Throwable e) {
    if (!closed.getAsBoolean()) {
      logger.warn(
          "{}: the uniform twin is not available; the served plan answers all requests: {}",
          model,
          reason(e));
    }
  }

  /** Returns the reason of a failure, also of an error of the JVM that has no message. */
  static String reason(Throwable e) {
    String message = e.getMessage();
    return message == null || e instanceof LinkageError ? e.toString() : message;
  }
}
