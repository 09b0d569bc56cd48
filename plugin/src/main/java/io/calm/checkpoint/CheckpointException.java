package io.calm.checkpoint;

import io.calm.text.Printable;

/**
 * A checkpoint that cannot be used: the message names file and tensor or key, what was expected,
 * what was found, and what to do. It is one printable line of limited length, whatever the files
 * hold.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Characters of a whole message: room for a path of usual length and the four parts. */
  private static final int MAX_MESSAGE = 2000;

  /** Characters of the path, with a key or a tensor behind it. */
  private static final int MAX_WHERE = 1000;

  public CheckpointException(String message) {
    super(Printable.of(message, MAX_MESSAGE));
  }

  public CheckpointException(String message, Throwable cause) {
    super(Printable.of(message, MAX_MESSAGE), cause);
  }

  /**
   * Returns a refusal in four parts. What was found may come from files: it is cut at {@link
   * Printable#MAX_LENGTH} characters.
   *
   * @param where the file, and the tensor or key in it
   * @param remedy what to do, or what is supported
   */
  public static CheckpointException refused(
      String where, Object expected, Object got, String remedy) {
    return new CheckpointException(message(where, expected, got, remedy));
  }

  /** Returns a refusal in four parts that another failure caused. */
  public static CheckpointException refused(
      String where, Object expected, Object got, String remedy, Throwable cause) {
    return new CheckpointException(message(where, expected, got, remedy), cause);
  }

  private static String message(String where, Object expected, Object got, String remedy) {
    return "%s: expected %s, got %s; %s"
        .formatted(
            Printable.of(where, MAX_WHERE),
            Printable.of(expected, MAX_WHERE),
            Printable.of(got),
            Printable.of(remedy, MAX_WHERE));
  }
}
