package io.calm.artifact;

import io.calm.text.Printable;

/**
 * A failure to write an artifact, or to read a file that it depends on. The message names the file,
 * the failure and the remedy.
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
