package io.calm.bench;

import io.calm.tensor.Float16;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import java.nio.ByteBuffer;
import java.util.SplittableRandom;

/**
 * Creates W4A8 weights directly in the packed layout, with random codes and grids that preserve the
 * variance of activations.
 */
final class RandomWeights {
  /** Standard deviation of a uniform code of 0 to 15. */
  private static final float CODE_DEVIATION = 4.61f;

  /** Standard deviation of a uniform odd number of -127 to 127. */
  private static final float BYTE_DEVIATION = 73.9f;

  /** The lowest bit of every byte. A byte with this bit is never -128. */
  private static final long ODD = 0x0101_0101_0101_0101L;

  private RandomWeights() {}

  /**
   * Returns a linear. Copies of one shape lie one after the other as the outputs of a single
   * linear.
   *
   * @param outputs a multiple of 16
   * @param inputs a multiple of {@code group}
   */
  static QuantizedLinear linear(int outputs, int inputs, int group, SplittableRandom random) {
    requireWhole(outputs, inputs, group);
    ByteBuffer codes =
        RandomBytes.direct(QuantizedLinear.codeBytes(outputs, inputs, group), random);
    ByteBuffer grids = RandomBytes.zeros(QuantizedLinear.gridBytes(outputs, inputs, group));
    float scale = 1 / (CODE_DEVIATION * (float) Math.sqrt(inputs));
    short half = Float16.fromFloat(scale);
    short minimum = Float16.fromFloat(-7.5f * scale);
    int tile = 2 * QuantizedLinear.TILE;
    for (int at = 0; at < grids.capacity() / 2; at++) {
      grids.putShort(2 * at, at % tile < QuantizedLinear.TILE ? half : minimum);
    }
    return new QuantizedLinear(outputs, inputs, group, codes, grids);
  }

  /** Returns an int8 table with the same bounds. */
  static TokenTable.Int8Table table(int tokens, int width, int group, SplittableRandom random) {
    requireWhole(tokens, width, group);
    ByteBuffer codes =
        RandomBytes.direct(TokenTable.Int8Table.codeBytes(tokens, width, group), random, ODD);
    ByteBuffer scales = RandomBytes.zeros(4L * tokens);
    float scale = 1 / (BYTE_DEVIATION * (float) Math.sqrt(width));
    for (int token = 0; token < tokens; token++) {
      scales.putFloat(4 * token, scale);
    }
    return new TokenTable.Int8Table(tokens, width, group, codes, scales);
  }

  private static void requireWhole(int outputs, int inputs, int group) {
    if (outputs % QuantizedLinear.TILE != 0 || inputs % group != 0) {
      throw new IllegalArgumentException(
          "shape [%d, %d]: expected whole tiles of %d outputs and groups of %d inputs"
              .formatted(outputs, inputs, QuantizedLinear.TILE, group));
    }
  }
}
