package io.calm.artifact;

/**
 * A published artifact that must not be used. The message has the part and the reason, in one line.
 */
final class BadArtifactException extends Exception {
  private static final long serialVersionUID = 1L;

  BadArtifactException(String message) {
    super(oneLine(message));
  }

  BadArtifactException(String message, Throwable cause) {
    super(oneLine(message), cause);
  }

  private static String oneLine(String message) {
    return message.replaceAll("\\p{Cntrl}+", " ");
  }
}
