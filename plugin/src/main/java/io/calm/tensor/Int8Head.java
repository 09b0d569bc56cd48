package io.calm.tensor;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.Arrays;

/** The lm_head as int8 codes with one scale a token. */
final class Int8Head extends HeadKernel {
  private static final int TILE = QuantizedLinear.TILE;

  private final TokenTable.Int8 table;
  private final ActivationQuantizer quantizer;
  private final QuantizedRows rows;
  private final IntBuffer codes;
  private final FloatBuffer scales;

  Int8Head(TokenTable.Int8 table, ActivationQuantizer quantizer, int maxRows) {
    super(table, maxRows);
    this.table = table;
    this.quantizer = quantizer;
    this.rows = QuantizedRows.allocate(maxRows, table.width(), table.group());
    this.codes = table.codes().asIntBuffer();
    this.scales = table.scales().asFloatBuffer();
  }

  @Override
  public boolean read(float[] x, int offset, int row) {
    return quantizer.quantize(x, offset, rows, row);
  }

  @Override
  void addProducts(int count, int from, int to, KernelScratch scratch) {
    int lanes = (to - from) * TILE;
    for (int j = 0; j < rows.groups(); j++) {
      scratch.readWords(codes, rows.groups(), j, table.group() / 4, from, to);
      if (count == 1) {
        multiplyOne(j, lanes, scratch);
      } else {
        multiplyMany(count, j, lanes, scratch);
      }
    }
    scales.get(from * TILE, scratch.scales, 0, lanes);
    for (int row = 0; row < count; row++) {
      LaneLoops.scale(scratch.sums[row], scratch.scales, lanes);
    }
  }

  private void multiplyOne(int j, int lanes, KernelScratch scratch) {
    Arrays.fill(scratch.dots, 0, lanes, 0);
    int steps = table.group() / 4;
    for (int p = 0; p < steps; p++) {
      int at = (j * steps + p) * 4;
      LaneLoops.addBytes(scratch.words[p], scratch.dots, lanes, rows.codes, at);
    }
    addGroup(0, j, lanes, scratch);
  }

  private void multiplyMany(int count, int j, int lanes, KernelScratch scratch) {
    int steps = table.group() / 4;
    for (int p = 0; p < 4 * steps; p++) {
      LaneLoops.unpackBytes(scratch.words[p / 4], 24 - p % 4 * 8, scratch.unpacked(p), lanes);
    }
    int[][] w = scratch.unpacked;
    int[] dots = scratch.dots;
    for (int row = 0; row < count; row++) {
      int at = row * rows.paddedInputs() + j * table.group();
      Arrays.fill(dots, 0, lanes, 0);
      for (int p = 0; p < 4 * steps; p += 4) {
        LaneLoops.addUnpackedBytes(
            w[p], w[p + 1], w[p + 2], w[p + 3], dots, lanes, rows.codes, at + p);
      }
      addGroup(row, j, lanes, scratch);
    }
  }

  private void addGroup(int row, int j, int lanes, KernelScratch scratch) {
    LaneLoops.toFloat(scratch.dots, scratch.products, lanes);
    LaneLoops.addScaled(scratch.products, scratch.sums[row], lanes, rows.scale(row, j));
  }
}
