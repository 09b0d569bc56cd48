package io.calm.settings;

import java.util.Locale;

/** Selects when a tokenizer is first opened in a child process ({@code calm.tokenizer-probe}). */
public enum TokenizerProbing {
  /** For models that are registered while the server runs. */
  AUTO,
  ON,
  OFF;

  /** Returns the setting's value, e.g. {@code auto}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
