package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Builds a {@link TokenTable.Int4} from rounded bands of its rows, so that the plain codes of a large
 * table are never held at once. Bands are added in order, from row 0; {@link #build} requires all of
 * them.
 * Not thread safe.
 */
public final class Int4TableBuilder {
  private final int tokens;
  private final int width;
  private final int group;
  private final ByteBuffer codes;
  private final ByteBuffer grids;
  private int next;

  /**
   * Starts a table.
   *
   * @param tokens V
   * @param width D
   * @param group inputs a scale: 32, 64 or 128
   */
  public Int4TableBuilder(int tokens, int width, int group) {
    this.tokens = tokens;
    this.width = width;
    this.group = group;
    this.codes = direct(QuantizedLinear.codeBytes(tokens, width, group));
    this.grids = direct(QuantizedLinear.gridBytes(tokens, width, group));
  }

  private static ByteBuffer direct(long size) {
    return ByteBuffer.allocateDirect(Math.toIntExact(size)).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Appends rows.
   *
   * @param band [any, D] of this group; a multiple of {@value QuantizedLinear#TILE} rows, or the
   *     last ones
   * @throws IllegalArgumentException if it is not that
   */
  public Int4TableBuilder add(QuantizedMatrix band) {
    boolean last = band.outputs() == tokens - next;
    if (band.inputs() != width
        || band.group() != group
        || band.outputs() > tokens - next
        || (!last && band.outputs() % QuantizedLinear.TILE != 0)) {
      throw new IllegalArgumentException(
          "int4 table: expected the last %d rows of %d in groups of %d, or whole tiles of them, got [%d, %d] in groups of %d"
              .formatted(tokens - next, width, group, band.outputs(), band.inputs(), band.group()));
    }
    // Tiles follow each other, so packed bands do too.
    QuantizedLinear packed = Packing.pack(band);
    codes.put(packed.codes());
    grids.put(packed.grids());
    next += band.outputs();
    return this;
  }

  /** Returns the table; fails where rows are missing. */
  public TokenTable.Int4 build() {
    if (next != tokens) {
      throw new IllegalStateException(
          "int4 table: expected %d rows, got %d".formatted(tokens, next));
    }
    return new TokenTable.Int4(
        new QuantizedLinear(tokens, width, group, codes.flip(), grids.flip()));
  }
}
