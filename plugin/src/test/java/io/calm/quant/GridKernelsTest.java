package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.kernels.GroupGrid;
import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeSearchKernels;
import io.calm.kernels.NativeVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The search's kernels in C against the loops in Java, bit for bit. */
class GridKernelsTest {
  private static final int[] GROUPS = {32, 64, 128};
  private static final int[] OUTPUTS = {1, 15, 16, 17, 40};
  private static final int[] INPUTS = {1, 31, 32, 65, 128, 130, 257};
  private static final int ROUNDS = 60;
  private static final SearchKernels JAVA = new JavaSearchKernels();

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  /** Weights of every kind that a checkpoint or a fold may give, some of which have no grid. */
  private static Matrix weights(int outputs, int inputs, Random random) {
    Matrix matrix = Matrix.allocate(outputs, inputs);
    for (int n = 0; n < outputs; n++) {
      int kind = random.nextInt(12);
      for (int k = 0; k < inputs; k++) {
        matrix.set(n, k, weight(kind, random));
      }
    }
    return matrix;
  }

  private static float weight(int kind, Random random) {
    float normal = (float) random.nextGaussian();
    return switch (kind) {
      case 0 -> random.nextBoolean() ? 0f : -0f;
      case 1 -> 0.1f;
      case 2 -> normal * 1e-7f;
      case 3 -> normal * (random.nextInt(60) == 0 ? 1000 : 1);
      case 4 -> (random.nextInt(31) - 15) * 0.25f;
      case 5 -> random.nextInt(100) == 0 ? Float.NaN : normal;
      case 6 -> normal * 3e4f;
      case 7 -> random.nextBoolean() ? 65504f : -65504f;
      case 8 -> normal * 2e-5f; // less than two steps of the smallest scale
      case 9 -> random.nextBoolean() ? 0 : 5.5e-5f;
      default -> normal * 0.05f;
    };
  }

  private static float[] importance(int inputs, Random random) {
    float[] h = new float[inputs];
    int silent = random.nextInt(4); // of three inputs; all with 3
    for (int k = 0; k < inputs; k++) {
      h[k] = random.nextInt(3) < silent ? 0 : (float) Math.exp(4 * random.nextGaussian());
    }
    return h;
  }

  @ParameterizedTest
  @MethodSource("variants")
  void fitsRoundsAndEncodesAsJavaDoes(KernelVariant variant) {
    SearchKernels kernels = new NativeSearchKernels(variant);
    for (int round = 0; round < ROUNDS; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int group = GROUPS[random.nextInt(GROUPS.length)];
      int inputs = INPUTS[random.nextInt(INPUTS.length)];
      Matrix weight = weights(OUTPUTS[random.nextInt(OUTPUTS.length)], inputs, random);
      float[] h = random.nextBoolean() ? importance(inputs, random) : null;
      GroupGrid.Effort effort =
          random.nextBoolean() ? GroupGrid.Effort.FULL : GroupGrid.Effort.QUICK;
      String what =
          "%s: seed %d, %s, group %d, %s".formatted(variant.name(), seed, weight, group, effort);
      Grids expected = grids(JAVA, weight, group, h, effort);
      Grids actual = grids(kernels, weight, group, h, effort);
      assertSameBits(expected.scales(), actual.scales(), what + ", scales");
      assertSameBits(expected.minimums(), actual.minimums(), what + ", minimums");
      checkRounding(kernels, weight, expected, what);
    }
  }

  private static Grids grids(
      SearchKernels kernels,
      Matrix weight,
      int group,
      float @Nullable [] h,
      GroupGrid.Effort effort) {
    int groups = (weight.columns() + group - 1) / group;
    Grids grids =
        new Grids(
            weight.columns(),
            group,
            new float[weight.rows() * groups],
            new float[weight.rows() * groups]);
    int middle = weight.rows() / 2 / 16 * 16;
    for (int[] rows : new int[][] {{middle, weight.rows()}, {0, middle}}) {
      kernels.fitGrids(
          weight, rows[0], rows[1], group, h, effort, grids.scales(), grids.minimums());
    }
    return grids;
  }

  /** Rounds on grids that exist: a search throws where one does not. */
  private static void checkRounding(
      SearchKernels kernels, Matrix weight, Grids grids, String what) {
    for (int i = 0; i < grids.scales().length; i++) {
      grids.scales()[i] = grids.scales()[i] == 0 ? 1 : grids.scales()[i];
    }
    int from = weight.rows() / 3;
    int size = weight.rows() * weight.columns();
    byte[] codes = new byte[size];
    byte[] got = new byte[size];
    JAVA.encode(
        weight, from, weight.rows(), grids.group(), grids.scales(), grids.minimums(), codes);
    kernels.encode(
        weight, from, weight.rows(), grids.group(), grids.scales(), grids.minimums(), got);
    assertArrayEquals(codes, got, what + ", codes");
  }

  @ParameterizedTest
  @MethodSource("variants")
  void roundsInputsAsJavaDoes(KernelVariant variant) {
    for (int round = 0; round < ROUNDS; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int group = GROUPS[random.nextInt(GROUPS.length)];
      int inputs = INPUTS[random.nextInt(INPUTS.length)];
      ActivationMode mode =
          random.nextBoolean() ? ActivationMode.PER_TOKEN : ActivationMode.PER_GROUP;
      int step = mode == ActivationMode.PER_TOKEN ? inputs : group;
      Matrix rows = Matrix.allocate(9, inputs);
      for (int t = 0; t < rows.rows(); t++) {
        for (int k = 0; k < inputs; k++) {
          rows.set(t, k, input(t, random));
        }
      }
      Matrix copy = rows.copy();
      JAVA.roundInputs(rows, 1, rows.rows(), step);
      new NativeSearchKernels(variant).roundInputs(copy, 1, rows.rows(), step);
      assertSameBits(
          values(rows),
          values(copy),
          "%s: seed %d, %s, group %d, %s".formatted(variant.name(), seed, rows, group, mode));
    }
  }

  private static float input(int kind, Random random) {
    float normal = (float) random.nextGaussian();
    return switch (kind) {
      case 1 -> random.nextBoolean() ? 0f : -0f;
      case 2 -> normal * 0x1p-101f;
      case 3 -> normal * 1e30f;
      case 4 -> random.nextInt(200) == 0 ? Float.NaN : normal;
      case 5 -> random.nextInt(255) - 127 + 0.5f; // ties
      case 6 -> normal * (random.nextInt(60) == 0 ? 1000 : 1);
      case 7 -> random.nextInt(200) == 0 ? Math.copySign(Float.POSITIVE_INFINITY, normal) : normal;
      default -> normal;
    };
  }

  private static float[] values(Matrix matrix) {
    float[] all = new float[matrix.rows() * matrix.columns()];
    matrix.bytes().asFloatBuffer().get(all);
    return all;
  }

  private static void assertSameBits(float[] expected, float[] actual, String what) {
    assertEquals(expected.length, actual.length, what);
    for (int i = 0; i < expected.length; i++) {
      // floatToIntBits: any NaN is the NaN.
      assertEquals(
          Float.floatToIntBits(expected[i]),
          Float.floatToIntBits(actual[i]),
          what + ", element " + i);
    }
  }
}
