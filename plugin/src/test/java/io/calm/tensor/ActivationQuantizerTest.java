package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ActivationQuantizerTest {
  @Test
  void codesScalesAndSumsAreTheDefinition() {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int inputs : new int[] {1, 31, 32, 100, 130, 576}) {
      for (int group : new int[] {32, 64, 128}) {
        for (boolean perToken : new boolean[] {false, true}) {
          String at = "seed %d, K %d, g %d, %s".formatted(seed, inputs, group, perToken);
          check(RandomLinears.activations(9, inputs, random), 9, inputs, group, perToken, at);
        }
      }
    }
  }

  private static void check(
      float[] x, int rows, int inputs, int group, boolean perToken, String at) {
    QuantizedRows target = QuantizedRows.allocate(rows, inputs, group);
    ActivationQuantizer quantizer =
        perToken ? ActivationQuantizer.perToken() : ActivationQuantizer.perGroup();
    for (int t = 0; t < rows; t++) {
      assertTrue(quantizer.quantize(x, t * inputs, target, t), at);
    }
    for (int t = 0; t < rows; t++) {
      for (int j = 0; j < target.groups(); j++) {
        int from = perToken ? 0 : j * group;
        int to = perToken ? inputs : Math.min(inputs, from + group);
        float max = 0;
        for (int k = from; k < to; k++) {
          max = Math.max(max, Math.abs(x[t * inputs + k]));
        }
        float scale = max < 0x1p-100f ? 0 : max / 127;
        assertEquals(scale, target.scale(t, j), at);
        int sum = 0;
        for (int k = j * group; k < (j + 1) * group; k++) {
          int expected = 0;
          if (k < inputs && scale != 0) {
            expected = (int) Math.max(-127, Math.min(127, Math.rint(x[t * inputs + k] / scale)));
          }
          assertEquals(expected, target.code(t, k), at);
          sum += expected;
        }
        assertEquals(sum, target.sum(t, j), at);
      }
    }
  }

  @Test
  void tiesGoToTheEvenCode() {
    QuantizedRows rows = QuantizedRows.allocate(1, 32, 32);
    float[] x = new float[32];
    x[0] = 127;
    x[1] = 0.5f;
    x[2] = 1.5f;
    x[3] = -2.5f;
    x[4] = -126.5f;
    assertTrue(ActivationQuantizer.perGroup().quantize(x, 0, rows, 0));
    assertEquals(1f, rows.scale(0, 0));
    assertEquals(127, rows.code(0, 0));
    assertEquals(0, rows.code(0, 1));
    assertEquals(2, rows.code(0, 2));
    assertEquals(-2, rows.code(0, 3));
    assertEquals(-126, rows.code(0, 4));
  }

  @Test
  void tinyGroupsAreZeroAndTheLargestFloatsAreNot() {
    QuantizedRows rows = QuantizedRows.allocate(1, 96, 32);
    float[] x = new float[96];
    x[0] = Math.nextDown(0x1p-100f);
    x[32] = 0x1p-100f;
    x[64] = -Float.MAX_VALUE;
    assertTrue(ActivationQuantizer.perGroup().quantize(x, 0, rows, 0));
    assertEquals(0f, rows.scale(0, 0));
    assertEquals(0, rows.code(0, 0));
    assertEquals(127, rows.code(0, 32));
    assertEquals(-127, rows.code(0, 64));
  }

  @Test
  void aValueThatIsNotFiniteIsReportedAndLeavesNothingOfTheRow() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      for (int at : new int[] {0, 40, 99}) {
        QuantizedRows rows = QuantizedRows.allocate(2, 100, 32);
        float[] x = RandomLinears.activations(14, 100, new Random(5));
        x[400 + at] = bad;
        assertTrue(ActivationQuantizer.perGroup().quantize(x, 500, rows, 1));
        assertFalse(ActivationQuantizer.perGroup().quantize(x, 400, rows, 0), bad + " at " + at);
        for (int k = 0; k < 100; k++) {
          assertEquals(0, rows.code(0, k));
        }
        assertEquals(0f, rows.scale(0, 3));
        assertTrue(rows.scale(1, 3) > 0);
      }
    }
  }
}
