package io.calm.runtime;

/**
 * Reports that a model's weights have become unreadable, e.g. because the mapped file was
 * truncated. No further step of the model is possible. The message says what to do.
 */
public final class UnreadableWeightsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public UnreadableWeightsException(String what, Throwable cause) {
    super(what + "; load the model again, which rebuilds a damaged artifact", cause);
  }

  public UnreadableWeightsException(String what) {
    this(what, new IllegalStateException(what));
  }
}
