package io.calm.runtime;

/**
 * The memory of a model's weights is no longer what it was, e.g. because the file that it is mapped
 * from was cut short: no further step of the model can be right. The message says what to do.
 */
public final class UnreadableWeightsException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  UnreadableWeightsException(String what, Throwable cause) {
    super(what + "; load the model again, which makes its artifact anew if it is damaged", cause);
  }

  UnreadableWeightsException(String what) {
    this(what, new IllegalStateException(what));
  }
}
