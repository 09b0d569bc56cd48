package io.calm.tensor;

import java.nio.FloatBuffer;
import java.nio.ShortBuffer;

/** The lm_head in float16 or float32, products in float32. */
final class FloatHead extends HeadKernel {
  private static final int TILE = QuantizedLinear.TILE;

  /** Tokens computed together, so that their chains of additions overlap. */
  private static final int ABREAST = 4;

  private final int tokens;
  private final int width;
  private final float[][] rows;
  private final WeightReader reader;

  /** Reads the weights of one token as float32. */
  private interface WeightReader {
    void read(int token, float[] target);
  }

  FloatHead(TokenTable table, int maxRows) {
    super(table);
    this.tokens = table.tokens();
    this.width = table.width();
    this.rows = new float[maxRows][width];
    this.reader = reader(table);
  }

  private static WeightReader reader(TokenTable table) {
    int width = table.width();
    if (table instanceof TokenTable.Float16Table half) {
      ShortBuffer values = half.values().asShortBuffer();
      return (token, target) -> {
        short[] halves = new short[width];
        values.get(token * width, halves);
        Float16.widen(halves, 0, target, 0, width);
      };
    }
    if (table instanceof TokenTable.Float32 single) {
      FloatBuffer values = single.values().asFloatBuffer();
      return (token, target) -> values.get(token * width, target);
    }
    throw new IllegalArgumentException(
        "lm_head %s: expected float16 or float32".formatted(table.format().setting()));
  }

  @Override
  public boolean read(float[] x, int offset, int row) {
    float[] target = rows[row];
    boolean finite = true;
    for (int k = 0; k < width; k++) {
      target[k] = x[offset + k];
      finite &= Float.isFinite(target[k]);
    }
    return finite;
  }

  @Override
  void addProducts(int count, int from, int to, KernelScratch scratch) {
    float[][] weights = new float[ABREAST][width];
    int end = Math.min(to * TILE, tokens);
    for (int token = from * TILE; token < end; token += ABREAST) {
      for (int i = 0; i < ABREAST; i++) {
        reader.read(Math.min(token + i, end - 1), weights[i]);
      }
      for (int row = 0; row < count; row++) {
        multiply(rows[row], weights, scratch.sums[row], token - from * TILE);
      }
    }
  }

  private static void multiply(float[] x, float[][] weights, float[] sums, int lane) {
    float[] w0 = weights[0];
    float[] w1 = weights[1];
    float[] w2 = weights[2];
    float[] w3 = weights[3];
    float a0 = 0;
    float a1 = 0;
    float a2 = 0;
    float a3 = 0;
    for (int k = 0; k < x.length; k++) {
      a0 = Math.fma(x[k], w0[k], a0);
      a1 = Math.fma(x[k], w1[k], a1);
      a2 = Math.fma(x[k], w2[k], a2);
      a3 = Math.fma(x[k], w3[k], a3);
    }
    sums[lane] = a0;
    sums[lane + 1] = a1;
    sums[lane + 2] = a2;
    sums[lane + 3] = a3;
  }
}
