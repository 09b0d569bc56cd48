package io.calm.torch;

/**
 * A failure to load the DJL PyTorch engine or its native library. The message names the missing
 * library.
 */
public final class EngineMissingException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public EngineMissingException(String message, Throwable cause) {
    super(message, cause);
  }
}
