package io.calm.files;

import java.io.IOException;

/**
 * Reports a path that is a link or that another user may have written; the message says what to do.
 */
public final class UntrustedPathException extends IOException {
  private static final long serialVersionUID = 1L;

  public UntrustedPathException(String message) {
    super(message);
  }
}
