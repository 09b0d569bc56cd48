package io.calm.files;

import java.io.IOException;

/** A path that another user may have written, or that is a link; the message says what to do. */
public final class UntrustedPathException extends IOException {
  private static final long serialVersionUID = 1L;

  public UntrustedPathException(String message) {
    super(message);
  }
}
