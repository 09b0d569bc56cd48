package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.kernels.NativeKernels.Rung;
import io.calm.kernels.NativeRungs;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The search's kernels in C against the loops in Java, bit for bit. */
class GridKernelsTest {
  private static final int[] GROUPS = {32, 64, 128};
  private static final int[] OUTPUTS = {1, 15, 16, 17, 40};
  private static final int[] INPUTS = {1, 31, 32, 65, 128, 130, 257};
  private static final int ROUNDS = 60;

  static Stream<Rung> rungs() {
    return NativeRungs.here();
  }

  /** Weights of every kind that a checkpoint or a fold may give, some of which have no grid. */
  private static Matrix weights(int outputs, int inputs, Random random) {
    Matrix matrix = Matrix.allocate(outputs, inputs);
    for (int n = 0; n < outputs; n++) {
      int kind = random.nextInt(10);
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
      default -> normal * 0.05f;
    };
  }

  private static float[] importance(int inputs, Random random) {
    float[] h = new float[inputs];
    for (int k = 0; k < inputs; k++) {
      h[k] = (float) Math.exp(4 * random.nextGaussian());
    }
    return h;
  }

  @ParameterizedTest
  @MethodSource("rungs")
  void fitsRoundsAndEncodesAsJavaDoes(Rung rung) {
    SearchKernels kernels = SearchKernels.of(rung);
    try (Parallel parallel = new Parallel(2)) {
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
            "%s: seed %d, %s, group %d, %s".formatted(rung.name(), seed, weight, group, effort);
        Grids expected = Grids.fit(weight, group, h, effort, parallel, Optional.empty());
        Grids actual = Grids.fit(weight, group, h, effort, parallel, Optional.of(kernels));
        assertSameBits(expected.scales(), actual.scales(), what + ", scales");
        assertSameBits(expected.minimums(), actual.minimums(), what + ", minimums");
        checkRounding(kernels, weight, expected, what);
      }
    }
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
    grids.encodeRows(weight, from, weight.rows(), codes);
    kernels.encode(
        weight, from, weight.rows(), grids.group(), grids.scales(), grids.minimums(), got);
    assertArrayEquals(codes, got, what + ", codes");
    Matrix copy = weight.copy();
    grids.roundRows(weight, from, weight.rows());
    kernels.roundWeights(copy, from, copy.rows(), grids.group(), grids.scales(), grids.minimums());
    assertSameBits(values(weight), values(copy), what + ", rounded weights");
  }

  @ParameterizedTest
  @MethodSource("rungs")
  void roundsInputsAsJavaDoes(Rung rung) {
    for (int round = 0; round < ROUNDS; round++) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int group = GROUPS[random.nextInt(GROUPS.length)];
      int inputs = INPUTS[random.nextInt(INPUTS.length)];
      ActivationMode mode =
          random.nextBoolean() ? ActivationMode.PER_TOKEN : ActivationMode.PER_GROUP;
      ActivationRounding rounding = new ActivationRounding(mode, group);
      Matrix rows = Matrix.allocate(9, inputs);
      for (int t = 0; t < rows.rows(); t++) {
        for (int k = 0; k < inputs; k++) {
          rows.set(t, k, input(t, random));
        }
      }
      Matrix copy = rows.copy();
      float[] row = new float[inputs];
      for (int t = 1; t < rows.rows(); t++) {
        rows.readRow(t, row);
        rounding.round(row);
        rows.writeRow(t, row);
      }
      SearchKernels.of(rung).roundInputs(copy, 1, rows.rows(), rounding.step(inputs));
      assertSameBits(
          values(rows),
          values(copy),
          "%s: seed %d, %s, group %d, %s".formatted(rung.name(), seed, rows, group, mode));
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
