package io.calm.quant.gptq;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeSearchKernels;
import io.calm.kernels.NativeVariants;
import io.calm.quant.Compute;
import io.calm.quant.Grids;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.testing.Seeds;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The walk of the kernels in C against the loops in Java: the same codes. */
class ColumnWalkTest {
  private static final int[] OUTPUTS = {1, 15, 16, 33, 130};
  private static final int[] INPUTS = {1, 31, 96, 128, 130, 300};
  private static final int[] GROUPS = {32, 64, 128};

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void everyVariantGivesTheCodesOfJava(KernelVariant variant) {
    for (int round = 0; round < 20; round++) {
      long seed = Seeds.next();
      SplittableRandom random = new SplittableRandom(seed);
      int outputs = OUTPUTS[random.nextInt(OUTPUTS.length)];
      int inputs = INPUTS[random.nextInt(INPUTS.length)];
      int group = GROUPS[random.nextInt(GROUPS.length)];
      try (Matrix weight = gaussian(random, outputs, inputs);
          Parallel parallel = new Parallel(2)) {
        RoundingProblem java =
            WithoutStatistics.problem(
                weight, group, new Compute(parallel, new JavaSearchKernels()));
        RoundingProblem inC =
            WithoutStatistics.problem(
                weight, group, new Compute(parallel, new NativeSearchKernels(variant)));
        float[] importance = new float[inputs];
        for (int k = 0; k < inputs; k++) {
          importance[k] = (float) random.nextDouble(0.01, 1);
        }
        Grids grids = Grids.fitFully(java, importance);
        Matrix factor = upper(random, inputs);
        int[] order = permutation(random, inputs);
        byte[] expected = new ColumnWalk(java, grids, factor, order).run().codes();
        byte[] actual = new ColumnWalk(inC, grids, factor, order).run().codes();
        assertArrayEquals(
            expected,
            actual,
            "%s: seed %d, [%d, %d]".formatted(variant.name(), seed, outputs, inputs));
      }
    }
  }

  private static Matrix gaussian(SplittableRandom random, int rows, int columns) {
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  /** A factor as GPTQ's are: positive on the diagonal, smaller beside it. */
  private static Matrix upper(SplittableRandom random, int size) {
    Matrix factor = Matrix.allocate(size, size);
    for (int i = 0; i < size; i++) {
      factor.set(i, i, (float) random.nextDouble(0.5, 2));
      for (int j = i + 1; j < size; j++) {
        factor.set(i, j, (float) (0.1 * random.nextGaussian()));
      }
    }
    return factor;
  }

  private static int[] permutation(SplittableRandom random, int size) {
    int[] order = IntStream.range(0, size).toArray();
    for (int i = size - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      int held = order[i];
      order[i] = order[other];
      order[other] = held;
    }
    return order;
  }
}
