package io.calm.export.gguf;

import io.calm.tensor.Float16;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import java.util.Locale;

/**
 * The type of int8 embeddings and of an int8 lm_head in a GGUF file. They have one float32 scale
 * per row, which no type of ggml has.
 */
public enum GgufTables {
  /**
   * Q8_0 with the row's codes and its scale rounded to float16: at most 2^-11 of a value off. A
   * table whose rows have no whole blocks, or whose scales are outside float16's normal range, is
   * F32 instead.
   */
  Q8_0,
  /** F16: values rounded to float16. */
  F16,
  /** F32: exact. */
  F32;

  /** Returns the setting in lower case. */
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns the type of a table other than int4. */
  GgmlType type(TokenTable table) {
    if (table.format() == TableFormat.FLOAT16) {
      return GgmlType.F16;
    }
    if (table instanceof TokenTable.Int8Table int8) {
      return switch (this) {
        case Q8_0 -> fits(int8) ? GgmlType.Q8_0 : GgmlType.F32;
        case F16 -> GgmlType.F16;
        case F32 -> GgmlType.F32;
      };
    }
    return GgmlType.F32;
  }

  private static boolean fits(TokenTable.Int8Table table) {
    if (table.width() % GgmlType.BLOCK != 0) {
      return false;
    }
    for (int token = 0; token < table.tokens(); token++) {
      float scale = table.scales().getFloat(token * Float.BYTES);
      if (scale != 0 && (scale < Float16.MIN_NORMAL || scale > Float16.MAX_VALUE)) {
        return false;
      }
    }
    return true;
  }
}
