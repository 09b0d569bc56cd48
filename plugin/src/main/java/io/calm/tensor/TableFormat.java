package io.calm.tensor;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** The number format of a token table, that is, of the embeddings or the lm_head. */
public enum TableFormat {
  /** Codes with one float32 scale per row. */
  INT8,
  /** The W4A8 format of a linear layer. */
  INT4,
  /** IEEE half precision. */
  FLOAT16,
  /** IEEE single precision. */
  FLOAT32;

  /** Returns the spelling in settings, plans and manifests, e.g. {@code float16}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the format that {@code setting} spells; empty if there is none. */
  public static Optional<TableFormat> parse(String setting) {
    return Arrays.stream(values()).filter(format -> format.setting().equals(setting)).findFirst();
  }
}
