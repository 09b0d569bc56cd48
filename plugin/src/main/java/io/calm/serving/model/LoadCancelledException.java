package io.calm.serving.model;

/** A load was called off: its model was unregistered, or the server stops. */
public final class LoadCancelledException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LoadCancelledException(String message) {
    super(message);
  }
}
