package io.calm.settings;

import io.calm.model.ActivationMode;
import java.util.Locale;

/**
 * The effort of a search ({@code calm.search.effort}): the number and length of the sequences that
 * quantizers are fitted on, unless {@code calm.calibration.samples} and {@code
 * calm.calibration.length} give them, and the default pool. A calibration text that is too short
 * for them gives as many as it has. Time and memory of a search grow in proportion to the tokens.
 */
public enum SearchEffort {
  FAST(64, 64),
  DEFAULT(128, 64),
  THOROUGH(512, 256);

  private final int samples;
  private final int length;

  SearchEffort(int samples, int length) {
    this.samples = samples;
    this.length = length;
  }

  /** Returns the number of sequences. */
  public int samples() {
    return samples;
  }

  /** Returns the number of tokens per sequence. */
  public int length() {
    return length;
  }

  /**
   * Returns whether the default pool propagates errors ({@code qep} instead of {@code gptq}), which
   * takes more time.
   */
  public boolean propagates(ActivationMode activation) {
    return switch (this) {
      case FAST -> false;
      case DEFAULT -> activation == ActivationMode.PER_GROUP;
      case THOROUGH -> true;
    };
  }

  /** Returns the setting's value, e.g. {@code thorough}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
