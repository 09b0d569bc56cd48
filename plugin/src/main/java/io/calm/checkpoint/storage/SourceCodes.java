package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.tensor.Float16;
import io.calm.tensor.QuantizedMatrix;

/**
 * Reads 4-bit blocks with a scale per 32 weights as W4A8 codes and grids of group size 32. Scales
 * may be negative or zero, as ggml writes them.
 *
 * <ul>
 *   <li>Q4_1: a weight is {@code d * q + m}, the W4A8 form.
 *   <li>Q4_0: a weight is {@code d * (q - 8)}, so its minimum is {@code -8d}, exact in float16
 *       unless it overflows.
 *   <li>Q4_K: a weight is {@code (d * scale) * q - dmin * minimum} in each of the eight groups of a
 *       super-block. The codes stay as they are. Both products have up to 17 significant bits and
 *       are rounded to the nearest float16, which changes each by at most 2^-11 of itself.
 * </ul>
 */
final class SourceCodes {
  private static final int GROUP = 32;
  private static final int SUPER_BLOCK = 256;

  private SourceCodes() {}

  /** Returns whether the blocks of {@code tensor} are codes and grids of group size 32. */
  static boolean isSource(StoredTensor tensor) {
    return isExact(tensor) || tensor.type() == TensorType.Q4_K;
  }

  /** Returns whether, in addition, the grids are the stored ones without a rounding. */
  static boolean isExact(StoredTensor tensor) {
    return tensor.type() == TensorType.Q4_0 || tensor.type() == TensorType.Q4_1;
  }

  /**
   * Reads codes and grids; {@code scale * code + minimum} is the dequantized weight, but for the
   * rounding of a Q4_K grid.
   *
   * @return [rows, columns]
   * @throws CheckpointException if a scale or minimum is not a finite float16 number
   */
  static QuantizedMatrix read(StoredTensor tensor, RowOrder order) {
    int rows = Math.toIntExact(tensor.rows());
    int columns = tensor.columns();
    int groups = columns / GROUP;
    QuantizedMatrix target =
        new QuantizedMatrix(
            rows,
            columns,
            GROUP,
            new byte[Math.multiplyExact(rows, columns)],
            new float[rows * groups],
            new float[rows * groups]);
    byte[] row = new byte[tensor.rowBytes()];
    for (int r = 0; r < rows; r++) {
      tensor.readRow(order.stored(r), row);
      switch (tensor.type()) {
        case Q4_0 -> unpackRow(row, 18, false, target, r);
        case Q4_1 -> unpackRow(row, 20, true, target, r);
        case Q4_K -> unpackSuperBlocks(row, target, r);
        default ->
            throw new IllegalArgumentException("%s: no 4-bit blocks".formatted(tensor.where()));
      }
      requireHalf(tensor, order.stored(r), target, r);
    }
    return target;
  }

  private static void unpackRow(
      byte[] row, int blockBytes, boolean hasMinimum, QuantizedMatrix target, int r) {
    int groups = target.inputs() / GROUP;
    for (int g = 0; g < groups; g++) {
      int at = g * blockBytes;
      float d = LittleEndian.float16(row, at);
      target.scales()[r * groups + g] = d;
      target.minimums()[r * groups + g] = hasMinimum ? LittleEndian.float16(row, at + 2) : -8 * d;
      int codes = at + (hasMinimum ? 4 : 2);
      int to = r * target.inputs() + g * GROUP;
      for (int j = 0; j < GROUP / 2; j++) {
        int pair = row[codes + j];
        target.codes()[to + j] = (byte) (pair & 15);
        target.codes()[to + j + GROUP / 2] = (byte) ((pair >> 4) & 15);
      }
    }
  }

  /** Unpacks Q4_K blocks, whose layout {@link SuperBlockDecoders#q4k} has. */
  private static void unpackSuperBlocks(byte[] row, QuantizedMatrix target, int r) {
    byte[] unpacked = target.codes();
    int groups = target.inputs() / GROUP;
    for (int g = 0; g < groups; g++) {
      int at = g * GROUP / SUPER_BLOCK * TensorType.Q4_K.blockBytes();
      int sub = g % (SUPER_BLOCK / GROUP);
      float scale = LittleEndian.float16(row, at) * SuperBlockDecoders.scale(row, at + 4, sub);
      float minimum =
          LittleEndian.float16(row, at + 2) * SuperBlockDecoders.minimum(row, at + 4, sub);
      target.scales()[r * groups + g] = Float16.round(scale);
      target.minimums()[r * groups + g] = Float16.round(0 - minimum);
      int codes = at + 16 + sub / 2 * GROUP;
      int to = r * target.inputs() + g * GROUP;
      if ((sub & 1) == 0) {
        for (int j = 0; j < GROUP; j++) {
          unpacked[to + j] = (byte) (row[codes + j] & 15);
        }
      } else {
        for (int j = 0; j < GROUP; j++) {
          unpacked[to + j] = (byte) ((row[codes + j] >> 4) & 15);
        }
      }
    }
  }

  private static void requireHalf(
      StoredTensor tensor, int storedRow, QuantizedMatrix target, int r) {
    int groups = target.inputs() / GROUP;
    for (int g = 0; g < groups; g++) {
      float scale = target.scales()[r * groups + g];
      float minimum = target.minimums()[r * groups + g];
      if (!(Math.abs(scale) <= Float16.MAX_VALUE && Math.abs(minimum) <= Float16.MAX_VALUE)) {
        throw CheckpointException.refused(
            "%s: row %d, block %d".formatted(tensor.where(), storedRow, g),
            "a finite float16 scale and minimum",
            "%s and %s".formatted(scale, minimum),
            "the weights are damaged: download the file again");
      }
    }
  }
}
