package io.calm.settings;

import java.util.Locale;

/** The hidden states that feed the full-precision block ({@code calm.search.reference}). */
public enum ReferenceStream {
  /** The output of the quantized blocks before it. */
  QUANTIZED,
  /** The output of the full-precision blocks before it. */
  FULL_PRECISION;

  /** Returns the setting's value, e.g. {@code full-precision}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
