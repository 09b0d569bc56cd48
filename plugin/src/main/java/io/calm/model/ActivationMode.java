package io.calm.model;

import java.util.Locale;

/** The granularity of the int8 scales of an activation row. */
public enum ActivationMode {
  /** One scale per token and group of inputs; the default. */
  PER_GROUP,
  /** One scale per token, as in most papers; less accurate. */
  PER_TOKEN;

  /** Returns the setting's value, e.g. {@code per-group}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
