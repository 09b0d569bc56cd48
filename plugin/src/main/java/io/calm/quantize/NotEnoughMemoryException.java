package io.calm.quantize;

/**
 * A model needs more memory than the machine has or the JVM may take; the message says how much,
 * what for, and what gives more.
 */
public final class NotEnoughMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public NotEnoughMemoryException(String message) {
    super(message);
  }

  public NotEnoughMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
