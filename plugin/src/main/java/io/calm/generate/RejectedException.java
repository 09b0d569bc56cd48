package io.calm.generate;

/** Reports that the scheduler rejected a request; the request has no events. */
public final class RejectedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** The reason for the rejection. */
  public enum Reason {
    /** The queue is full; the same request may be accepted later. */
    QUEUE_FULL,
    /** Prompt and answer exceed the context or the KV budget; the request is never accepted. */
    TOO_LONG,
    /** The request has more sequences than can run and wait at the same time. */
    TOO_MANY,
    /** The model is being unloaded. */
    CLOSED,
    /** The scheduler's thread has failed; the model must be loaded again. */
    FAILED
  }

  public RejectedException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  public Reason reason() {
    return reason;
  }
}
