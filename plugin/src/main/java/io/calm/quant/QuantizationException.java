package io.calm.quant;

/** Thrown if an algorithm cannot quantize a block; the plan records the message. */
public final class QuantizationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public QuantizationException(String message) {
    super(message);
  }
}
