package io.calm.quantize;

/** The reason that a model could not be quantized, with the kind of the reason. */
public final class QuantizeException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final Kind kind;

  public QuantizeException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  public QuantizeException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  /** The kind of a failure. */
  public enum Kind {
    /** The checkpoint or a setting cannot be used. */
    INVALID,
    /** The search needs more memory than the JVM may use or its device has. */
    NOT_ENOUGH_MEMORY,
    /** The PyTorch engine is not available, or failed for another reason than missing memory. */
    ENGINE_MISSING,
    /** The artifact, or a file that it depends on, cannot be read or written. */
    STORAGE
  }

  public Kind kind() {
    return kind;
  }
}
