package io.calm.runtime;

import java.util.Locale;

/** The storage type of keys and values ({@code calm.kv-cache}). */
public enum KvType {
  /** IEEE half precision, clamped to its finite range. */
  FLOAT16,
  /** Codes of -127 to 127 with one float32 scale per token and head. */
  INT8;

  /** Returns the setting's value, e.g. {@code float16}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }
}
