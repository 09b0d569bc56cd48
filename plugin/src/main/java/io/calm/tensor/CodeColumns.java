package io.calm.tensor;

import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * Reads packed codes column by column, that is, input by input: the order of a transposed matrix
 * [K, N], in which engines that multiply {@code x W} store weights. Not thread safe.
 */
public abstract sealed class CodeColumns {
  private static final int TILE = QuantizedLinear.TILE;

  private final int rows;
  private final int columns;

  private CodeColumns(int rows, int columns) {
    this.rows = rows;
    this.columns = columns;
  }

  /** Returns the codes 0..15 of a linear. */
  public static CodeColumns of(QuantizedLinear linear) {
    return new Nibbles(linear);
  }

  /** Returns the codes -127..127 of a table. */
  public static CodeColumns of(TokenTable.Int8Table table) {
    return new Bytes(table);
  }

  /** Returns the number of outputs or tokens. */
  public final int rows() {
    return rows;
  }

  /** Returns the number of inputs, padded to whole groups. Padding has code 0. */
  public final int columns() {
    return columns;
  }

  /** Writes the codes of one input into the first {@link #rows} elements of {@code target}. */
  public final void read(int column, byte[] target) {
    Objects.checkIndex(column, columns);
    copy(column, target, rows);
  }

  abstract void copy(int column, byte[] target, int count);

  private static final class Nibbles extends CodeColumns {
    private final ByteBuffer codes;
    private final int steps;

    Nibbles(QuantizedLinear linear) {
      super(linear.outputs(), linear.groups() * linear.group());
      codes = linear.codes();
      steps = columns() / 8;
    }

    @Override
    void copy(int column, byte[] target, int count) {
      int shift = column % 8 < 4 ? 0 : 4;
      for (int n = 0; n < count; n++) {
        int word = (n / TILE * steps + column / 8) * TILE + n % TILE;
        target[n] = (byte) (codes.get(4 * word + column % 4) >>> shift & 15);
      }
    }
  }

  private static final class Bytes extends CodeColumns {
    private final ByteBuffer codes;

    Bytes(TokenTable.Int8Table table) {
      super(table.tokens(), QuantizedLinear.paddedInputs(table.width(), table.group()));
      codes = table.codes();
    }

    @Override
    void copy(int column, byte[] target, int count) {
      for (int n = 0; n < count; n++) {
        int word = (n / TILE * (columns() / 4) + column / 4) * TILE + n % TILE;
        target[n] = codes.get(4 * word + column % 4);
      }
    }
  }
}
