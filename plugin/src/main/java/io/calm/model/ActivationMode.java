package io.calm.model;

import java.util.Locale;

/** How many int8 scales an activation row has. */
public enum ActivationMode {
  /** One scale a token and group of inputs: the default. */
  PER_GROUP,
  /** One scale a token alone, as most papers have it; costs accuracy. */
  PER_TOKEN;

  /** Returns the setting's value, e.g. {@code per-group}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
