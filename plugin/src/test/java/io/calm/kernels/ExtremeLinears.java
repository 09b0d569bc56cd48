package io.calm.kernels;

import io.calm.tensor.Float16;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.RandomLinears;
import java.util.Arrays;
import java.util.Random;

/** Weights and activations at the limits of their formats, for the tests of kernels. */
final class ExtremeLinears {
  private static final float SMALLEST_NORMAL_HALF = 0x1p-14f;
  private static final float SMALLEST_HALF = 0x1p-24f;

  private ExtremeLinears() {}

  /** The codes and grids of a matrix. */
  enum Weights {
    ORDINARY,
    CODES_0,
    CODES_15,
    LARGEST_GRIDS,
    SMALLEST_GRIDS;

    QuantizedMatrix matrix(int outputs, int inputs, int group, Random random) {
      QuantizedMatrix matrix = RandomLinears.matrix(outputs, inputs, group, random);
      switch (this) {
        case ORDINARY -> {}
        case CODES_0 -> Arrays.fill(matrix.codes(), (byte) 0);
        case CODES_15 -> Arrays.fill(matrix.codes(), (byte) 15);
        case LARGEST_GRIDS -> grids(matrix, Float16.MAX_VALUE, Float16.MAX_VALUE, random);
        case SMALLEST_GRIDS -> grids(matrix, SMALLEST_NORMAL_HALF, SMALLEST_HALF, random);
      }
      return matrix;
    }

    private static void grids(QuantizedMatrix matrix, float scale, float minimum, Random random) {
      Arrays.fill(matrix.scales(), scale);
      for (int i = 0; i < matrix.minimums().length; i++) {
        matrix.minimums()[i] = random.nextBoolean() ? minimum : -minimum;
      }
    }
  }

  /** The values of a row of activations. */
  enum Activations {
    GAUSSIAN,
    ZERO,
    ALL_127,
    ALL_MINUS_127,
    EITHER_LIMIT,
    HUGE,
    TINY,
    JUST_NOT_TINY,
    SPIKE,
    SPREAD;

    float value(int k, int spike, Random random) {
      float gaussian = (float) random.nextGaussian();
      return switch (this) {
        case GAUSSIAN -> gaussian;
        case ZERO -> k % 2 == 0 ? 0f : -0f;
        case ALL_127 -> 3f;
        case ALL_MINUS_127 -> -1e30f;
        case EITHER_LIMIT -> random.nextBoolean() ? 1f : -1f;
        case HUGE -> random.nextBoolean() ? Float.MAX_VALUE / 2 : -Float.MAX_VALUE / 2;
        case TINY -> Math.copySign(Math.nextDown(0x1p-100f), gaussian);
        case JUST_NOT_TINY -> Math.copySign(0x1p-100f, gaussian);
        case SPIKE -> k == spike ? -1e4f : gaussian;
        case SPREAD -> gaussian * (float) Math.pow(2, random.nextInt(-120, 100));
      };
    }
  }

  /** Returns [rows * inputs]: row t of kind (t + first) modulo their number. */
  static float[] activations(int rows, int inputs, int first, Random random) {
    Activations[] kinds = Activations.values();
    float[] x = new float[rows * inputs];
    for (int t = 0; t < rows; t++) {
      Activations kind = kinds[(t + first) % kinds.length];
      int spike = random.nextInt(inputs);
      for (int k = 0; k < inputs; k++) {
        x[t * inputs + k] = kind.value(k, spike, random);
      }
    }
    return x;
  }
}
