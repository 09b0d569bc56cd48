package io.calm.generate;

/** A request that the scheduler did not take: it has no events. */
public final class RejectedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** Why a request was not taken. */
  public enum Reason {
    /** Too many requests are waiting: the same one may pass later. */
    QUEUE_FULL,
    /** Prompt and answer are longer than the context or the KV budget: it will never pass. */
    TOO_LONG,
    /** More sequences in one request than could ever wait and run together. */
    TOO_MANY,
    /** The model is being unloaded. */
    CLOSED,
    /** The model's loop has died: it answers nobody until it is loaded again. */
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
