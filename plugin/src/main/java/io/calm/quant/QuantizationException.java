package io.calm.quant;

/** An algorithm cannot quantize a block; becomes a value in the plan, with the reason. */
public final class QuantizationException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public QuantizationException(String message) {
    super(message);
  }
}
