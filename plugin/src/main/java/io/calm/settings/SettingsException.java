package io.calm.settings;

import java.util.List;

/** A refusal of one or more {@code calm.*} keys. The message names all of them. */
public final class SettingsException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final transient List<String> problems;

  public SettingsException(List<String> problems) {
    super(String.join("\n", problems));
    this.problems = List.copyOf(problems);
  }

  /** Returns the problems, each of which begins with the name of its key. */
  List<String> problems() {
    return problems;
  }
}
