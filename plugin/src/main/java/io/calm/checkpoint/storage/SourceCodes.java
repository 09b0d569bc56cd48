package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.tensor.QuantizedMatrix;

/**
 * Reads Q4_0 and Q4_1 blocks as W4A8 codes and grids of group size 32. A Q4_1 weight is {@code d *
 * q + m}, the W4A8 form. A Q4_0 weight is {@code d * (q - 8)}, so its minimum is {@code -8d}, exact
 * in float16 unless it overflows. Scales may be negative or zero, as ggml writes them.
 */
final class SourceCodes {
  private static final int GROUP = 32;
  private static final float MAX_FLOAT16 = 65504;

  private SourceCodes() {}

  static boolean isSource(StoredTensor tensor) {
    return tensor.type() == TensorType.Q4_0 || tensor.type() == TensorType.Q4_1;
  }

  /**
   * Reads codes and grids; {@code scale * code + minimum} is the dequantized weight.
   *
   * @return [rows, columns]
   * @throws CheckpointException if a scale or minimum is not a finite float16 number
   */
  static QuantizedMatrix read(StoredTensor tensor, RowOrder order) {
    int rows = Math.toIntExact(tensor.rows());
    int columns = tensor.columns();
    int groups = columns / GROUP;
    byte[] codes = new byte[Math.multiplyExact(rows, columns)];
    float[] scales = new float[rows * groups];
    float[] minimums = new float[rows * groups];
    boolean hasMinimum = tensor.type() == TensorType.Q4_1;
    int header = hasMinimum ? 4 : 2;
    byte[] row = new byte[tensor.rowBytes()];
    for (int r = 0; r < rows; r++) {
      tensor.readRow(order.stored(r), row);
      for (int g = 0; g < groups; g++) {
        int at = g * tensor.type().blockBytes();
        float d = LittleEndian.float16(row, at);
        float m = hasMinimum ? LittleEndian.float16(row, at + 2) : -8 * d;
        requireHalf(tensor, order.stored(r), g, d, m);
        scales[r * groups + g] = d;
        minimums[r * groups + g] = m;
        unpack(row, at + header, codes, r * columns + g * GROUP);
      }
    }
    return new QuantizedMatrix(rows, columns, GROUP, codes, scales, minimums);
  }

  private static void unpack(byte[] row, int from, byte[] codes, int to) {
    for (int j = 0; j < GROUP / 2; j++) {
      int pair = row[from + j];
      codes[to + j] = (byte) (pair & 15);
      codes[to + j + GROUP / 2] = (byte) ((pair >> 4) & 15);
    }
  }

  private static void requireHalf(StoredTensor tensor, int row, int group, float d, float m) {
    if (!(Math.abs(d) <= MAX_FLOAT16 && Math.abs(m) <= MAX_FLOAT16)) {
      throw CheckpointException.refused(
          "%s: row %d, block %d".formatted(tensor.where(), row, group),
          "a finite float16 scale and minimum",
          "%s and %s".formatted(d, m),
          "the weights are damaged: download the file again");
    }
  }
}
