package io.calm.tensor;

import java.util.Random;

/** Random W4A8 linears and activations for the tests of kernels. */
public final class RandomLinears {
  private RandomLinears() {}

  /** Returns a matrix with codes and grids of ordinary weights, and a few extreme ones. */
  public static QuantizedMatrix matrix(int outputs, int inputs, int group, Random random) {
    int groups = (inputs + group - 1) / group;
    byte[] codes = new byte[outputs * inputs];
    float[] scales = new float[outputs * groups];
    float[] minimums = new float[outputs * groups];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) random.nextInt(16);
    }
    for (int i = 0; i < scales.length; i++) {
      scales[i] = Float16.round(0.001f + random.nextFloat() / (float) Math.sqrt(inputs));
      minimums[i] = Float16.round(-7.5f * scales[i] * (0.8f + 0.4f * random.nextFloat()));
    }
    for (int n = 0; n < outputs; n += 5) { // every fifth output: all codes at their limits
      byte limit = (byte) (n % 2 == 0 ? 15 : 0);
      for (int k = 0; k < inputs; k++) {
        codes[n * inputs + k] = limit;
      }
    }
    return new QuantizedMatrix(outputs, inputs, group, codes, scales, minimums);
  }

  /** Returns [rows * inputs] activations: row 0 zero, row 1 at its limits, others with outliers. */
  public static float[] activations(int rows, int inputs, Random random) {
    float[] x = new float[rows * inputs];
    for (int t = 0; t < rows; t++) {
      for (int k = 0; k < inputs; k++) {
        float value = (float) random.nextGaussian();
        x[t * inputs + k] =
            switch (t % 7) {
              case 0 -> 0f;
              case 1 -> 3f;
              case 2 -> -1e30f;
              case 3 -> k % 2 == 0 ? 1f : -1f;
              default -> random.nextInt(50) == 0 ? 40 * value : value;
            };
      }
    }
    return x;
  }

  /** Returns normal numbers. */
  public static float[] vector(int length, Random random) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
