package io.calm.settings;

import java.util.List;

/** A refusal of one or more {@code calm.*} keys. The message names all of them. */
public final class SettingsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public SettingsException(List<String> problems) {
    super(String.join("\n", problems));
  }
}
