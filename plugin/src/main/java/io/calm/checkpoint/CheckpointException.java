package io.calm.checkpoint;

import io.calm.text.Printable;

/**
 * An error of a checkpoint that cannot be used. The message names the file with its tensor or key,
 * the expected and the actual value, and a remedy. It is one printable line of limited length.
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
   * Creates an exception with a message in four parts. The actual value may come from an untrusted
   * file and is cut at {@link Printable#MAX_LENGTH} characters.
   *
   * @param where the file, and the tensor or key in it
   * @param expected the accepted values
   * @param got the actual value
   * @param remedy what to do, or what is supported
   */
  public static CheckpointException refused(
      String where, Object expected, Object got, String remedy) {
    return new CheckpointException(message(where, expected, got, remedy));
  }

  /** Creates an exception as {@link #refused(String, Object, Object, String)} with a cause. */
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
