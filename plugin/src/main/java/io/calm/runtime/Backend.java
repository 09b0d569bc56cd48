package io.calm.runtime;

import java.util.Locale;

/** The implementation of {@link Decoder} that a model is served with ({@code calm.backend}). */
public enum Backend {
  /** PyTorch on a CUDA device if there is one, else the kernels that {@code calm.kernel} names. */
  AUTO,
  /** The decoder in C. */
  NATIVE,
  /** The decoder in Java. */
  JAVA,
  /** DJL's PyTorch engine, on a CUDA device or on the CPU. */
  PYTORCH;

  /** Returns the setting's value, e.g. {@code pytorch}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
