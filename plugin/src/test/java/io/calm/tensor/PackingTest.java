package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PackingTest {
  private static final int[] INPUTS = {1, 31, 32, 100, 576, 130};
  private static final int[] GROUPS = {32, 64, 128};

  @ParameterizedTest
  @ValueSource(ints = {1, 15, 16, 17, 33})
  void unpackingGivesBackWhatWasPacked(int outputs) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int inputs : INPUTS) {
      for (int group : GROUPS) {
        String at = "seed %d, [%d, %d], group %d".formatted(seed, outputs, inputs, group);
        QuantizedMatrix matrix = RandomLinears.matrix(outputs, inputs, group, random);
        QuantizedMatrix back = Unpacked.of(Packing.pack(matrix));
        assertArrayEquals(matrix.codes(), back.codes(), at);
        assertArrayEquals(matrix.scales(), back.scales(), at);
        assertArrayEquals(matrix.minimums(), back.minimums(), at);
      }
    }
  }

  @Test
  void layoutIsAsDocumented() {
    int outputs = 20;
    int inputs = 40;
    QuantizedMatrix matrix = RandomLinears.matrix(outputs, inputs, 32, new Random(7));
    QuantizedLinear linear = Packing.pack(matrix);
    ByteBuffer codes = linear.codes();
    ByteBuffer grids = linear.grids();
    for (int n = 0; n < 32; n++) {
      for (int k = 0; k < 64; k++) {
        int expected = n < outputs && k < inputs ? matrix.codes()[n * inputs + k] : 0;
        int word = ((n / 16) * (64 / 8) + k / 8) * 16 + n % 16;
        int octet = codes.get(4 * word + k % 4) & 0xff;
        assertEquals(expected, k % 8 < 4 ? octet & 15 : octet >> 4, "code " + n + ", " + k);
      }
      for (int j = 0; j < 2; j++) {
        int at = 2 * (((n / 16) * 2 + j) * 2 * 16 + n % 16);
        boolean inside = n < outputs;
        float scale = inside ? matrix.scales()[n * 2 + j] : 0;
        float minimum = inside ? matrix.minimums()[n * 2 + j] : 0;
        assertEquals(scale, Float16.toFloat(grids.getShort(at)));
        assertEquals(minimum, Float16.toFloat(grids.getShort(at + 32)));
      }
    }
  }

  @Test
  void dequantizedIsScaleTimesCodePlusMinimum() {
    QuantizedMatrix matrix = RandomLinears.matrix(17, 130, 64, new Random(3));
    try (Matrix values = Packing.dequantize(Packing.pack(matrix))) {
      for (int n = 0; n < 17; n++) {
        for (int k = 0; k < 130; k++) {
          int g = n * 3 + k / 64;
          double exact =
              (double) matrix.scales()[g] * matrix.codes()[n * 130 + k] + matrix.minimums()[g];
          assertEquals((float) exact, values.get(n, k));
        }
      }
    }
  }

  @Test
  void refusesCodesAndGridsThatTheLayoutCannotHold() {
    float[] one = {1f};
    for (byte code : new byte[] {16, -1, Byte.MIN_VALUE}) {
      byte[] codes = {0, 15, code};
      String message =
          assertThrows(
                  IllegalArgumentException.class,
                  () -> Packing.pack(new QuantizedMatrix(1, 3, 32, codes, one, one)))
              .getMessage();
      assertEquals("output 0, input 2: code %d is not in 0..15".formatted(code), message);
    }
    for (float bad : new float[] {1.0001f, 1e6f, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThrows(
          IllegalArgumentException.class,
          () -> Packing.pack(new QuantizedMatrix(1, 1, 32, new byte[1], new float[] {bad}, one)),
          "scale " + bad);
    }
  }
}
