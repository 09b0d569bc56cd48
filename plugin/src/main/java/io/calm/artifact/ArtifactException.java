package io.calm.artifact;

/**
 * An artifact could not be written, or what it depends on not be read: the message names the file,
 * what went wrong, and what to do.
 */
public final class ArtifactException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public ArtifactException(String message) {
    super(message);
  }

  public ArtifactException(String message, Throwable cause) {
    super(message, cause);
  }
}
