package io.calm.settings;

import java.util.Locale;

/**
 * The effort of a search ({@code calm.search.effort}): the number of sequences that quantizers are
 * fitted on, unless {@code calm.calibration.samples} gives one. A calibration text that is too
 * short for them gives as many as it has. Time and memory of a search grow in proportion to it.
 */
public enum SearchEffort {
  FAST(24),
  DEFAULT(64),
  THOROUGH(256);

  private final int samples;

  SearchEffort(int samples) {
    this.samples = samples;
  }

  /** Returns the number of sequences. */
  public int samples() {
    return samples;
  }

  /** Returns the setting's value, e.g. {@code thorough}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
