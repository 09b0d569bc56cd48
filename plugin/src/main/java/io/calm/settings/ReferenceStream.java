package io.calm.settings;

import io.calm.model.ActivationMode;
import java.util.Locale;

/** The hidden states that feed the full-precision block ({@code calm.search.reference}). */
public enum ReferenceStream {
  /**
   * {@link #FULL_PRECISION} if an algorithm of the pool corrects earlier errors, because only that
   * stream shows them, or if activations have one scale per token, because the mix there was
   * measured with it. Otherwise {@link #QUANTIZED}: errors that all candidates inherit would hide
   * their differences.
   */
  AUTO,
  /** The output of the quantized blocks before it. */
  QUANTIZED,
  /** The output of the full-precision blocks before it. */
  FULL_PRECISION;

  /**
   * Returns whether the full-precision block reads the output of full-precision blocks.
   *
   * @param corrects whether an algorithm of the pool corrects earlier errors
   */
  public boolean isFullPrecision(boolean corrects, ActivationMode activation) {
    return switch (this) {
      case AUTO -> corrects || activation == ActivationMode.PER_TOKEN;
      case QUANTIZED -> false;
      case FULL_PRECISION -> true;
    };
  }

  /** Returns the setting's value, e.g. {@code full-precision}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
