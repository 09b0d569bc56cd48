package io.calm.settings;

import java.util.Locale;

/**
 * The effort of a search ({@code calm.search.effort}): the number of sequences that quantizers are
 * fitted on, unless {@code calm.calibration.samples} gives one, and the default pool. A calibration
 * text that is too short for them gives as many as it has. Time and memory of a search grow in
 * proportion to the sequences.
 */
public enum SearchEffort {
  FAST(16, false),
  DEFAULT(32, false),
  THOROUGH(512, true);

  private final int samples;
  private final boolean propagating;

  SearchEffort(int samples, boolean propagating) {
    this.samples = samples;
    this.propagating = propagating;
  }

  /** Returns the number of sequences. */
  public int samples() {
    return samples;
  }

  /**
   * Returns whether the default pool propagates errors ({@code qep} instead of {@code gptq}). That
   * takes more time, and wins most with many tokens.
   */
  public boolean propagating() {
    return propagating;
  }

  /** Returns the setting's value, e.g. {@code thorough}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
