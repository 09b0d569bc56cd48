package io.calm.artifact;

import io.calm.text.Printable;

/**
 * An artifact could not be written, or what it depends on not be read: the message names the file,
 * what went wrong, and what to do.
 */
public final class ArtifactException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** Maximum length of a message in characters. A message is one printable line. */
  private static final int MAX_MESSAGE = 2000;

  public ArtifactException(String message) {
    super(Printable.of(message, MAX_MESSAGE));
  }

  public ArtifactException(String message, Throwable cause) {
    super(Printable.of(message, MAX_MESSAGE), cause);
  }
}
