package io.calm.serving.model;

/** The end of a load that was cancelled, because its model was unregistered or the server stops. */
public final class LoadCancelledException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public LoadCancelledException(String message) {
    super(message);
  }
}
