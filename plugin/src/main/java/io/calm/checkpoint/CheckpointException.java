package io.calm.checkpoint;

/**
 * A checkpoint that cannot be used: the message names file and tensor or key, what was expected,
 * what was found, and what to do.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public CheckpointException(String message) {
    super(message);
  }

  public CheckpointException(String message, Throwable cause) {
    super(message, cause);
  }
}
