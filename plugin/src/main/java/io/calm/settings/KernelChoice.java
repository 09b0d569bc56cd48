package io.calm.settings;

import java.util.Locale;

/** The CPU kernels that a model is searched and served with ({@code calm.kernel}). */
public enum KernelChoice {
  /** The fastest kernels that the machine runs. */
  AUTO,
  /** Decoders in Java; searches as with {@link #AUTO}. */
  JAVA,
  SCALAR,
  AVX2,
  AVX_VNNI,
  AVX512_VNNI,
  AMX,
  NEON_DOTPROD;

  /** Returns the setting's value, e.g. {@code avx512-vnni}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
