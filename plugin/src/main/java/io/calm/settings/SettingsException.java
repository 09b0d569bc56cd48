package io.calm.settings;

import java.util.List;

/** One or more {@code calm.*} keys that cannot be used; every one is named in the message. */
public final class SettingsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public SettingsException(List<String> problems) {
    super(String.join("\n", problems));
  }
}
