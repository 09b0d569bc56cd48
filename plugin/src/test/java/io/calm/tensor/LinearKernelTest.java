package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LinearKernelTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 8, 16, 33})
  void everyOutputHasTheBitsOfThePlainLoops(int rows) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int inputs : new int[] {1, 31, 32, 100, 130, 576}) {
      for (int group : new int[] {32, 64, 128}) {
        int outputs = new int[] {1, 15, 16, 17, 33, 80, 600}[random.nextInt(7)];
        boolean perToken = random.nextBoolean();
        QuantizedMatrix matrix = RandomLinears.matrix(outputs, inputs, group, random);
        float[] bias = random.nextBoolean() ? RandomLinears.vector(outputs, random) : new float[0];
        float[] x = RandomLinears.activations(rows, inputs, random);
        float[] y = multiply(matrix, bias, x, rows, perToken, random);
        for (int t = 0; t < rows; t++) {
          assertArrayEquals(
              NaiveKernels.linear(
                  Arrays.copyOfRange(x, t * inputs, (t + 1) * inputs), matrix, bias, perToken),
              Arrays.copyOfRange(y, t * outputs, (t + 1) * outputs),
              "seed %d: [%d, %d], group %d, row %d of %d"
                  .formatted(seed, outputs, inputs, group, t, rows));
        }
      }
    }
  }

  /** Multiplies in chunks cut at random places. */
  private static float[] multiply(
      QuantizedMatrix matrix, float[] bias, float[] x, int rows, boolean perToken, Random random) {
    QuantizedRows rounded = QuantizedRows.allocate(rows, matrix.inputs(), matrix.group());
    ActivationQuantizer quantizer =
        perToken ? ActivationQuantizer.perToken() : ActivationQuantizer.perGroup();
    for (int t = 0; t < rows; t++) {
      quantizer.quantize(x, t * matrix.inputs(), rounded, t);
    }
    QuantizedLinear packed = Packing.pack(matrix);
    LinearKernel kernel =
        bias.length == 0 ? LinearKernel.of(packed) : LinearKernel.of(packed, bias);
    KernelScratch scratch = KernelScratch.allocate(rows);
    float[] y = new float[rows * matrix.outputs()];
    Arrays.fill(y, Float.NaN);
    for (int from = 0; from < kernel.tiles(); ) {
      int to = Math.min(kernel.tiles(), from + 1 + random.nextInt(KernelScratch.MAX_TILES));
      kernel.multiply(rounded, rows, from, to, y, scratch);
      from = to;
    }
    return y;
  }

  @Test
  void theBiasIsThatOfTheConstruction() {
    QuantizedMatrix matrix = RandomLinears.matrix(16, 32, 32, new Random(5));
    float[] bias = new float[16];
    bias[3] = 2;
    LinearKernel kernel = LinearKernel.of(Packing.pack(matrix), bias);
    bias[3] = 7;
    float[] y = new float[16];
    QuantizedRows zeros = QuantizedRows.allocate(1, 32, 32);
    ActivationQuantizer.perGroup().quantize(new float[32], 0, zeros, 0);
    kernel.multiply(zeros, 1, 0, 1, y, KernelScratch.allocate(1));
    assertEquals(2, y[3]);
  }

  @Test
  void theLargestSumsAreExact() {
    for (int group : new int[] {32, 64, 128}) {
      for (int code : new int[] {0, 15}) {
        for (int sign = -1; sign <= 1; sign += 2) {
          byte[] codes = new byte[16 * 256];
          Arrays.fill(codes, (byte) code);
          float[] scales = new float[16 * 256 / group];
          Arrays.fill(scales, Float16.MAX_VALUE);
          QuantizedMatrix matrix =
              new QuantizedMatrix(16, 256, group, codes, scales, scales.clone());
          float[] x = new float[2 * 256];
          Arrays.fill(x, sign * 1e-3f);
          float[] y = multiply(matrix, new float[0], x, 2, false, new Random(1));
          float[] expected =
              NaiveKernels.linear(Arrays.copyOf(x, 256), matrix, new float[0], false);
          assertArrayEquals(expected, Arrays.copyOf(y, 16), "group " + group);
          assertArrayEquals(expected, Arrays.copyOfRange(y, 16, 32), "group " + group);
        }
      }
    }
  }

  @Test
  void refusesActivationsOfAnotherShape() {
    QuantizedLinear weight = Packing.pack(RandomLinears.matrix(16, 64, 64, new Random(1)));
    LinearKernel kernel = LinearKernel.of(weight);
    KernelScratch scratch = KernelScratch.allocate(1);
    float[] y = new float[16];
    assertThrows(
        IllegalArgumentException.class,
        () -> kernel.multiply(QuantizedRows.allocate(1, 64, 32), 1, 0, 1, y, scratch));
    assertThrows(
        IllegalArgumentException.class,
        () -> kernel.multiply(QuantizedRows.allocate(1, 96, 64), 1, 0, 1, y, scratch));
    assertThrows(
        IndexOutOfBoundsException.class,
        () -> kernel.multiply(QuantizedRows.allocate(1, 64, 64), 1, 0, 2, y, scratch));
    assertThrows(IllegalArgumentException.class, () -> LinearKernel.of(weight, new float[15]));
  }
}
