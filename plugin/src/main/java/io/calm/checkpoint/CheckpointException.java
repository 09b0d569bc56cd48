package io.calm.checkpoint;

import io.calm.text.Printable;

/**
 * A checkpoint that cannot be used: the message names file and tensor or key, what was expected,
 * what was found, and what to do. The message is one printable line of limited length.
 */
public final class CheckpointException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Maximum length of a message in characters: enough for a usual path and the four parts. */
  private static final int MAX_MESSAGE = 2000;

  /** Maximum length of the path, including the key or tensor after it. */
  private static final int MAX_WHERE = 1000;

  public CheckpointException(String message) {
    super(Printable.of(message, MAX_MESSAGE));
  }

  public CheckpointException(String message, Throwable cause) {
    super(Printable.of(message, MAX_MESSAGE), cause);
  }

  /**
   * Creates an exception with a message in four parts. The value found may come from files and is
   * cut at {@link Printable#MAX_LENGTH} characters.
   *
   * @param where the file, and the tensor or key in it
   * @param remedy what to do, or what is supported
   */
  public static CheckpointException refused(
      String where, Object expected, Object got, String remedy) {
    return new CheckpointException(message(where, expected, got, remedy));
  }

  /** Creates an exception with a message in four parts and a cause. */
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
