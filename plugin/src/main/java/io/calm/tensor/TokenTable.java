package io.calm.tensor;

import java.nio.ByteBuffer;

/**
 * A table [V, D] with one row per token: embeddings or lm_head, in direct or mapped buffers.
 * Immutable, thread safe.
 */
public sealed interface TokenTable {

  /** Returns V. */
  int tokens();

  /** Returns D. */
  int width();

  /** Returns the number format of the rows. */
  TableFormat format();

  /**
   * Int8 with one float32 scale a row, codes symmetric in -127..127.
   *
   * <p>Codes are little-endian 32-bit words [Vp/16][Dp/4][16], Vp and Dp padded to multiples of 16
   * and of {@code group}: byte b of the word of lane i in tile t and step p is row 16t + i, column
   * 4p + b. Padding is 0. Activations that meet it are int8 in groups of {@code group}.
   *
   * @param group 32, 64 or 128
   * @param codes Vp * Dp bytes
   * @param scales float32 [Vp]
   */
  record Int8Table(int tokens, int width, int group, ByteBuffer codes, ByteBuffer scales)
      implements TokenTable {
    /**
     * Group of the tables of a model. It does not depend on {@code calm.group}: a few channels of
     * the final norm's output are many times as large as the others, and the smaller their group,
     * the fewer others are rounded as coarsely. It costs no bytes, since a scale belongs to a row.
     */
    public static final int GROUP = 32;

    public Int8Table {
      QuantizedLinear.requireGroup(group);
      codes = QuantizedLinear.direct("codes", codes, codeBytes(tokens, width, group));
      scales = QuantizedLinear.direct("scales", scales, 4L * QuantizedLinear.paddedOutputs(tokens));
    }

    /**
     * Returns the same codes and scales for activations in other groups.
     *
     * @throws IllegalArgumentException if the rows are padded to another width
     */
    public Int8Table withGroup(int other) {
      return new Int8Table(tokens, width, other, codes, scales);
    }

    /** Returns the size of the codes in bytes. */
    public static long codeBytes(int tokens, int width, int group) {
      return (long) QuantizedLinear.paddedOutputs(tokens)
          * QuantizedLinear.paddedInputs(width, group);
    }

    @Override
    public TableFormat format() {
      return TableFormat.INT8;
    }
  }

  /** The W4A8 format of a linear, one output per token. */
  record Int4(QuantizedLinear weight) implements TokenTable {
    @Override
    public int tokens() {
      return weight.outputs();
    }

    @Override
    public int width() {
      return weight.inputs();
    }

    @Override
    public TableFormat format() {
      return TableFormat.INT4;
    }
  }

  /** IEEE half precision, row-major, little-endian. */
  record Float16Table(int tokens, int width, ByteBuffer values) implements TokenTable {
    public Float16Table {
      values = QuantizedLinear.direct("values", values, 2L * tokens * width);
    }

    @Override
    public TableFormat format() {
      return TableFormat.FLOAT16;
    }
  }

  /** Single precision, row-major, little-endian. */
  record Float32(int tokens, int width, ByteBuffer values) implements TokenTable {
    public Float32 {
      values = QuantizedLinear.direct("values", values, 4L * tokens * width);
    }

    @Override
    public TableFormat format() {
      return TableFormat.FLOAT32;
    }
  }
}
