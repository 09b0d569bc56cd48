package io.calm.serving.model;

/** The end of a load that was cancelled, because its model was unregistered or the server stops. */
public final class LoadCancelledException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Reason reason;

  /** The reason of a cancellation. */
  public enum Reason {
    UNREGISTERED,
    STOPPING
  }

  public LoadCancelledException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  static LoadCancelledException stopping(String name) {
    return new LoadCancelledException(
        Reason.STOPPING, "model %s cannot be loaded: the server is stopping".formatted(name));
  }

  public Reason reason() {
    return reason;
  }
}
