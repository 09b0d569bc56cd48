package io.calm.serving.load;

/** A model needs more memory than the JVM may take; the message says which option gives more. */
public final class NotEnoughMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public NotEnoughMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
