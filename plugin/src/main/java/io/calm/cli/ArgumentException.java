package io.calm.cli;

/**
 * An argument that is wrong whatever the model and the files contain: the value of an option, a
 * combination of options, or a setting. The command ends with the status of a wrong call.
 */
public final class ArgumentException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public ArgumentException(String message) {
    super(message);
  }

  ArgumentException(IllegalArgumentException cause) {
    super(cause.getMessage(), cause);
  }

  /**
   * Requires a positive number as the value of an option.
   *
   * @throws ArgumentException if it is 0 or less
   */
  public static void requirePositive(String option, int value) {
    if (value < 1) {
      throw new ArgumentException(
          "%s: expected a positive number, got %d".formatted(option, value));
    }
  }
}
