package io.calm.tensor;

import java.nio.FloatBuffer;

/** The lm_head as int8 codes with one scale per token. */
final class Int8Head extends HeadKernel {
  private static final int TILE = QuantizedLinear.TILE;

  private final ActivationQuantizer quantizer;
  private final QuantizedRows rows;
  private final PackedWords words;
  private final FloatBuffer scales;

  Int8Head(TokenTable.Int8Table table, ActivationQuantizer quantizer, int maxRows) {
    super(table);
    this.quantizer = quantizer;
    this.rows = QuantizedRows.allocate(maxRows, table.width(), table.group());
    this.words = PackedWords.int8(table.codes().asIntBuffer(), rows.groups(), table.group());
    this.scales = table.scales().asFloatBuffer();
  }

  @Override
  public boolean read(float[] x, int offset, int row) {
    return quantizer.quantize(x, offset, rows, row);
  }

  @Override
  void addProducts(int count, int from, int to, KernelScratch scratch) {
    int lanes = (to - from) * TILE;
    boolean many = count > 1;
    for (int j = 0; j < rows.groups(); j++) {
      words.read(from, to, j, many, scratch);
      for (int row = 0; row < count; row++) {
        words.multiply(rows.codes, row, j, lanes, many, scratch);
        LaneLoops.toFloat(scratch.dots, scratch.products, lanes);
        LaneLoops.addScaled(scratch.products, scratch.sums[row], lanes, rows.scale(row, j));
      }
    }
    scales.get(from * TILE, scratch.scales, 0, lanes);
    for (int row = 0; row < count; row++) {
      LaneLoops.scale(scratch.sums[row], scratch.scales, lanes);
    }
  }
}
