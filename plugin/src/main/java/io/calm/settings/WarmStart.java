package io.calm.settings;

import java.util.Locale;

/** Selects what answers requests while a model is searched for ({@code calm.warm-start}). */
public enum WarmStart {
  /** Nothing: the model is ready after the search. */
  OFF,
  /** The model rounded to nearest; the search runs in the background. */
  RTN;

  /** Returns the setting's value, e.g. {@code rtn}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
