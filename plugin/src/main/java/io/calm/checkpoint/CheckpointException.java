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

  /**
   * Returns a refusal in four parts.
   *
   * @param where the file, and the tensor or key in it
   * @param remedy what to do, or what is supported
   */
  public static CheckpointException refused(
      String where, Object expected, Object got, String remedy) {
    return new CheckpointException(
        "%s: expected %s, got %s; %s".formatted(where, expected, got, remedy));
  }
}
