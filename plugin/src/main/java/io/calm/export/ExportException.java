package io.calm.export;

/** The reason that a model cannot be exported. The message is for the user. */
public final class ExportException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ExportException(String message) {
    super(message);
  }

  public ExportException(String message, Throwable cause) {
    super(message, cause);
  }

  /** Returns an exception whose message has four parts: where, expected, got, remedy. */
  public static ExportException refused(String where, String expected, Object got, String remedy) {
    return new ExportException(
        "%s: expected %s, got %s; %s".formatted(where, expected, got, remedy));
  }
}
