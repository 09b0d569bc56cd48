package io.calm.serving.load;

/**
 * A refusal to load a model that needs more memory than is available. The message has the amount of
 * each part and the changes that reduce it.
 */
public final class NotEnoughMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public NotEnoughMemoryException(String message) {
    super(message);
  }
}
