package io.calm.kernels;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.RandomLinears;
import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The products of a replayed block have the bits of a served linear. */
class BlockKernelsTest {

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void productsAreThoseOfAServedLinear(KernelVariant variant) {
    for (int rows : new int[] {1, 7, 128, 129, 300}) {
      long seed = Seeds.next();
      Random random = new Random(seed);
      int outputs = 1 + random.nextInt(80);
      int inputs = 1 + random.nextInt(200);
      QuantizedLinear weight = Packing.pack(RandomLinears.matrix(outputs, inputs, 32, random));
      float[] bias = random.nextBoolean() ? RandomLinears.vector(outputs, random) : new float[0];
      boolean perToken = random.nextBoolean();
      float[] x = RandomLinears.vector(rows * inputs, random);
      float[] expected = NativeKernelsTest.java(weight, bias, perToken, x, rows);
      int from = rows / 4;
      Arrays.fill(expected, 0, from * outputs, 0);
      int bad = from + random.nextInt(rows - from);
      if (random.nextBoolean()) {
        x[bad * inputs] = Float.NaN;
        Arrays.fill(expected, bad * outputs, (bad + 1) * outputs, Float.NaN);
      }
      ByteBuffer y = NativeKernels.floats(new float[rows * outputs]);
      new BlockKernels(variant)
          .multiply(weight, bias, perToken, NativeKernels.floats(x), from, rows, y);
      float[] actual = new float[rows * outputs];
      y.asFloatBuffer().get(actual);
      assertArrayEquals(
          expected,
          actual,
          () ->
              "%s: seed %d, %d rows of [%d, %d]"
                  .formatted(variant.name(), seed, rows, outputs, inputs));
    }
  }

  @ParameterizedTest
  @CsvSource({"129, 1", "256, 1", "256, 0", "5, 2", "0, 1"})
  void headsThatTheAttentionCannotTakeAtOnceAreRefused(int heads, int kvHeads) {
    ByteBuffer rotary = ByteBuffer.allocateDirect(64);
    assertThrows(
        IllegalArgumentException.class,
        () -> new BlockKernels.Windows(heads, kvHeads, 2, 8, 0, 1e-5f, rotary, null, null));
    new BlockKernels.Windows(128, 1, 2, 8, 0, 1e-5f, rotary, null, null);
  }
}
