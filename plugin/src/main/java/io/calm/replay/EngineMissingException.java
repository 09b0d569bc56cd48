package io.calm.replay;

/** The DJL PyTorch engine or its native library cannot be loaded; says what to install. */
public final class EngineMissingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EngineMissingException(String message, Throwable cause) {
    super(message, cause);
  }
}
