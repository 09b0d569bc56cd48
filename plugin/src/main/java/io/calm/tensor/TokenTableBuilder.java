package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.IntFunction;

/**
 * Builds a {@link TokenTable} from bands of float32 rows, so that a large table is never held in
 * full precision. Rows are added in order, from row 0; {@link #build} requires all of them.
 *
 * <p>{@code memory} allocates zeroed direct or mapped memory of a given number of bytes, e.g.
 * {@code ByteBuffer::allocateDirect}. Not thread safe.
 */
public abstract sealed class TokenTableBuilder {
  /** Number of rows that a thread reads at a time. */
  private static final int BAND = 512;

  private final int tokens;
  private final int width;
  private final float[] row;
  private int next;

  private TokenTableBuilder(int tokens, int width) {
    if (tokens <= 0 || width <= 0) {
      throw new IllegalArgumentException("shape [%d, %d] is empty".formatted(tokens, width));
    }
    this.tokens = tokens;
    this.width = width;
    this.row = new float[width];
  }

  /**
   * Builds {@link TokenTable.Int8Table}: scale = max|row| / 127, code = round_half_even(value /
   * scale).
   *
   * @param group of the activations that will meet the table as lm_head: 32, 64 or 128
   */
  public static TokenTableBuilder int8(
      int tokens, int width, int group, IntFunction<ByteBuffer> memory) {
    return new Int8s(tokens, width, group, memory);
  }

  /** Builds {@link TokenTable.Float16Table}; values round half to even. */
  public static TokenTableBuilder float16(int tokens, int width, IntFunction<ByteBuffer> memory) {
    return new Float16s(tokens, width, memory);
  }

  /** Builds {@link TokenTable.Float32}. */
  public static TokenTableBuilder float32(int tokens, int width, IntFunction<ByteBuffer> memory) {
    return new Float32s(tokens, width, memory);
  }

  /**
   * Appends the rows of {@code band} [any, D].
   *
   * @throws IllegalArgumentException if its width is not D, there are more rows than tokens, or a
   *     value is not finite in the table's format
   */
  public final TokenTableBuilder add(Matrix band) {
    if (band.columns() != width || band.rows() > tokens - next) {
      throw new IllegalArgumentException(
          "token table: expected at most %d more rows of %d, got [%d, %d]"
              .formatted(tokens - next, width, band.rows(), band.columns()));
    }
    for (int r = 0; r < band.rows(); r++, next++) {
      band.readRow(r, row);
      put(next, row);
    }
    return this;
  }

  /** A source of the rows of a table, which several threads may use. */
  @FunctionalInterface
  public interface RowReader {

    /** Returns rows {@code from} (inclusive) to {@code to} (exclusive), [to - from, D]. */
    Matrix read(int from, int to);
  }

  /**
   * Adds all rows, read in bands on several threads.
   *
   * @throws IllegalArgumentException as {@link #add} does
   * @throws IllegalStateException if there are rows already
   */
  public final TokenTableBuilder addAll(RowReader rows, Parallel parallel) {
    if (next != 0) {
      throw new IllegalStateException("token table: %d rows are there already".formatted(next));
    }
    parallel.ranges(
        (tokens + BAND - 1) / BAND,
        (first, end) -> {
          float[] values = new float[width];
          for (int from = first * BAND; from < Math.min(tokens, end * BAND); from += BAND) {
            try (Matrix band = rows.read(from, Math.min(tokens, from + BAND))) {
              for (int r = 0; r < band.rows(); r++) {
                band.readRow(r, values);
                put(from + r, values);
              }
            }
          }
        });
    next = tokens;
    return this;
  }

  /** Returns the table; fails where rows are missing. */
  public final TokenTable build() {
    if (next != tokens) {
      throw new IllegalStateException(
          "token table: expected %d rows, got %d".formatted(tokens, next));
    }
    return table();
  }

  /** Writes a row; rows of several threads must differ. */
  abstract void put(int token, float[] values);

  abstract TokenTable table();

  static IllegalArgumentException notFinite(int token, float value, String format) {
    return new IllegalArgumentException(
        "token table, row %d: %s is not a finite %s number".formatted(token, value, format));
  }

  private static ByteBuffer memory(IntFunction<ByteBuffer> memory, long size) {
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "token table: expected at most 2^31 - 1 bytes, got %d; set calm.lm-head=int8"
              .formatted(size));
    }
    return memory.apply((int) size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static final class Int8s extends TokenTableBuilder {
    private static final int TILE = QuantizedLinear.TILE;
    private final int tokens;
    private final int width;
    private final int group;
    private final int rowBytes;
    private final ByteBuffer codes;
    private final ByteBuffer scales;

    Int8s(int tokens, int width, int group, IntFunction<ByteBuffer> memory) {
      super(tokens, width);
      QuantizedLinear.requireGroup(group);
      this.tokens = tokens;
      this.width = width;
      this.group = group;
      this.rowBytes = QuantizedLinear.paddedInputs(width, group);
      this.codes = memory(memory, TokenTable.Int8Table.codeBytes(tokens, width, group));
      this.scales = memory(memory, 4L * QuantizedLinear.paddedOutputs(tokens));
    }

    @Override
    void put(int token, float[] values) {
      float max = 0;
      for (float value : values) {
        if (!Float.isFinite(value)) {
          throw notFinite(token, value, "float32");
        }
        max = Math.max(max, Math.abs(value));
      }
      float scale = max < ActivationQuantizer.SMALLEST ? 0 : max / 127;
      scales.putFloat(token * 4, scale);
      if (scale == 0) {
        return;
      }
      int tile = token / TILE * TILE * rowBytes + token % TILE * 4;
      int k = 0;
      for (; k + 4 <= width; k += 4) {
        int word =
            code(values[k], scale)
                | code(values[k + 1], scale) << 8
                | code(values[k + 2], scale) << 16
                | code(values[k + 3], scale) << 24;
        codes.putInt(tile + k * TILE, word);
      }
      for (; k < width; k++) {
        codes.put(tile + k / 4 * TILE * 4 + k % 4, (byte) code(values[k], scale));
      }
    }

    /** Returns the code as an unsigned byte. */
    private static int code(float value, float scale) {
      return ActivationQuantizer.code(value, scale) & 0xff;
    }

    @Override
    TokenTable table() {
      return new TokenTable.Int8Table(tokens, width, group, codes, scales);
    }
  }

  private static final class Float16s extends TokenTableBuilder {
    private final int tokens;
    private final int width;
    private final ByteBuffer values;

    Float16s(int tokens, int width, IntFunction<ByteBuffer> memory) {
      super(tokens, width);
      this.tokens = tokens;
      this.width = width;
      this.values = memory(memory, 2L * tokens * width);
    }

    @Override
    void put(int token, float[] row) {
      for (int k = 0; k < width; k++) {
        short half = Float16.fromFloat(row[k]);
        if (!Float.isFinite(Float16.toFloat(half))) {
          throw notFinite(token, row[k], "float16");
        }
        values.putShort((token * width + k) * 2, half);
      }
    }

    @Override
    TokenTable table() {
      return new TokenTable.Float16Table(tokens, width, values);
    }
  }

  private static final class Float32s extends TokenTableBuilder {
    private final int tokens;
    private final int width;
    private final ByteBuffer values;

    Float32s(int tokens, int width, IntFunction<ByteBuffer> memory) {
      super(tokens, width);
      this.tokens = tokens;
      this.width = width;
      this.values = memory(memory, 4L * tokens * width);
    }

    @Override
    void put(int token, float[] row) {
      for (int k = 0; k < width; k++) {
        if (!Float.isFinite(row[k])) {
          throw notFinite(token, row[k], "float32");
        }
        values.putFloat((token * width + k) * 4, row[k]);
      }
    }

    @Override
    TokenTable table() {
      return new TokenTable.Float32(tokens, width, values);
    }
  }
}
