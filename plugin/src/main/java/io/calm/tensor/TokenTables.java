package io.calm.tensor;

import java.nio.ByteBuffer;
import java.util.Objects;

/** Reads single rows of a {@link TokenTable} as float32: the embedding lookup. */
public final class TokenTables {
  private TokenTables() {}

  /**
   * Writes row {@code token} into the first D elements of {@code target}: {@code scale * code}, or
   * the stored value.
   *
   * @throws IndexOutOfBoundsException if {@code token} is not in 0..V-1
   */
  public static void readRow(TokenTable table, int token, float[] target) {
    Objects.checkIndex(token, table.tokens());
    if (table instanceof TokenTable.Int8Table int8) {
      readInt8(int8, token, target);
    } else if (table instanceof TokenTable.Int4 int4) {
      Packing.dequantizeRow(int4.weight(), token, target);
    } else if (table instanceof TokenTable.Float16Table half) {
      ByteBuffer values = half.values();
      for (int k = 0, at = token * half.width() * 2; k < half.width(); k++, at += 2) {
        target[k] = Float16.toFloat(values.getShort(at));
      }
    } else if (table instanceof TokenTable.Float32 single) {
      ByteBuffer values = single.values();
      for (int k = 0, at = token * single.width() * 4; k < single.width(); k++, at += 4) {
        target[k] = values.getFloat(at);
      }
    }
  }

  /**
   * Reads the codes of a row.
   *
   * @param codes receives D codes, each -127..127
   * @return the row's scale
   * @throws IndexOutOfBoundsException if {@code token} is not in 0..V-1
   */
  public static float readCodes(TokenTable.Int8Table table, int token, byte[] codes) {
    Objects.checkIndex(token, table.tokens());
    int tile = QuantizedLinear.TILE;
    int start = rowStart(table, token);
    ByteBuffer stored = table.codes();
    for (int k = 0; k < table.width(); k++) {
      codes[k] = stored.get(start + k / 4 * tile * 4 + k % 4);
    }
    return table.scales().getFloat(token * 4);
  }

  /** Returns the position of a row's first code. */
  private static int rowStart(TokenTable.Int8Table table, int token) {
    int tile = QuantizedLinear.TILE;
    int rowBytes = QuantizedLinear.paddedInputs(table.width(), table.group());
    return token / tile * tile * rowBytes + token % tile * 4;
  }

  private static void readInt8(TokenTable.Int8Table table, int token, float[] target) {
    int tile = QuantizedLinear.TILE;
    int start = rowStart(table, token);
    float scale = table.scales().getFloat(token * 4);
    ByteBuffer codes = table.codes();
    for (int k = 0; k < table.width(); k++) {
      target[k] = scale * codes.get(start + k / 4 * tile * 4 + k % 4);
    }
  }
}
