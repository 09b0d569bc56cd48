package io.calm.settings;

import java.util.Locale;

/** The memory that a served model's weights are read from ({@code calm.weights}). */
public enum WeightMemory {
  /** A copy if the system has huge pages and the memory is available, else the mapped files. */
  AUTO,
  /** The mapped files of the artifact, which processes share. */
  MAPPED,
  /** A copy in memory of the process, on huge pages if the system has them. */
  COPIED;

  /** Returns the setting's value, e.g. {@code auto}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
