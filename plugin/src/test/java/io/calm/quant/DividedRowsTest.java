package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.JavaSearchKernels;
import io.calm.tensor.Float16;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** A fold into rows that were rounded before. */
class DividedRowsTest {
  private static final int INPUTS = 80; // two groups of 32 and half a group
  private static final int ROWS = 3;

  /** Returns weights whose group {@code flat} lies within {@code spread} of 0.02 in each row. */
  private static QuantizedMatrix weight(int flat, float spread) {
    SplittableRandom random = new SplittableRandom(4);
    Matrix values = Matrix.allocate(ROWS, INPUTS);
    for (int n = 0; n < ROWS; n++) {
      for (int k = 0; k < INPUTS; k++) {
        float u = (float) random.nextDouble() - 0.5f;
        values.set(n, k, k / 32 == flat ? 0.02f + spread * u : u);
      }
    }
    try (Parallel parallel = new Parallel(1)) {
      return NearestRounding.plain(values, 32, new Compute(parallel, new JavaSearchKernels()), "V");
    }
  }

  private static void requireQuotients(QuantizedMatrix expected, QuantizedMatrix got, float[] by) {
    Matrix before = expected.dequantize();
    Matrix after = got.dequantize();
    for (int n = 0; n < ROWS; n++) {
      for (int k = 0; k < INPUTS; k++) {
        float quotient = before.get(n, k) / by[n];
        int grid = n * 3 + k / 32;
        // half a step of a new code and half of the mean of all, and both numbers' 11 bits
        float bound =
            (expected.scales()[grid] / by[n] < Float16.MIN_NORMAL ? got.scales()[grid] : 0)
                + 0x1p-11f * (15 * got.scales()[grid] + Math.abs(got.minimums()[grid]))
                + 0x1p-25f;
        assertEquals(quotient, after.get(n, k), bound, "row %d, input %d".formatted(n, k));
      }
    }
  }

  @Test
  void divisionByPowersOfTwoIsExactAndSharesTheCodes() {
    QuantizedMatrix weight = weight(-1, 0);
    float[] by = {0.5f, 4, 1};
    QuantizedMatrix divided = DividedRows.of(weight, by, "V");
    assertSame(weight.codes(), divided.codes());
    for (int i = 0; i < weight.scales().length; i++) {
      assertEquals(weight.scales()[i] / by[i / 3], divided.scales()[i]);
      assertEquals(weight.minimums()[i] / by[i / 3], divided.minimums()[i]);
    }
  }

  /** Half of the groups of a Q4_0 file have a negative scale. */
  @Test
  void negativeScalesKeepTheirSign() {
    QuantizedMatrix weight = weight(1, 2e-3f);
    QuantizedMatrix negative = negated(weight);
    float[] by = {100, 1, 7.3f};
    QuantizedMatrix divided = DividedRows.of(negative, by, "V");
    QuantizedMatrix expected = negated(DividedRows.of(weight, by, "V"));
    assertArrayEquals(expected.codes(), divided.codes());
    assertArrayEquals(expected.scales(), divided.scales());
    assertArrayEquals(expected.minimums(), divided.minimums());
  }

  private static QuantizedMatrix negated(QuantizedMatrix weight) {
    float[] scales = weight.scales().clone();
    float[] minimums = weight.minimums().clone();
    for (int i = 0; i < scales.length; i++) {
      scales[i] = -scales[i];
      minimums[i] = -minimums[i];
    }
    return new QuantizedMatrix(
        weight.outputs(), weight.inputs(), weight.group(), weight.codes(), scales, minimums);
  }

  @Test
  void aNearlyConstantGroupTakesTheLeastScaleAndItsCodesAnew() {
    for (int flat = 0; flat < 3; flat++) {
      QuantizedMatrix weight = weight(flat, 2e-3f);
      byte[] codes = weight.codes().clone();
      float[] by = {100, 1, 7.3f};
      QuantizedMatrix divided = DividedRows.of(weight, by, "V");
      assertEquals(Float16.MIN_NORMAL, divided.scales()[flat]);
      requireQuotients(weight, divided, by);
      assertArrayEquals(codes, weight.codes(), "the weight itself is left alone");
      for (int i = 0; i < codes.length; i++) {
        assertTrue(divided.codes()[i] >= 0 && divided.codes()[i] <= 15);
        if (i / INPUTS == 1 || i % INPUTS / 32 != flat) {
          assertEquals(codes[i], divided.codes()[i], "a code of another grid");
        }
      }
    }
  }

  /** The minimum of such a group would be a bias of two standard deviations. */
  @Test
  void aGroupBelowHalfAStepBecomesItsMean() {
    QuantizedMatrix weight = weight(1, 2e-3f);
    Matrix before = weight.dequantize();
    QuantizedMatrix divided = DividedRows.of(weight, new float[] {1e3f, 1e4f, 1}, "V");
    Matrix after = divided.dequantize();
    double mean = 0;
    for (int k = 32; k < 64; k++) {
      assertEquals(after.get(0, 32), after.get(0, k), "one value");
      mean += before.get(0, k) / 1e3f / 32;
    }
    assertEquals(mean, after.get(0, 32), 0x1p-25, "the nearest float16 minimum");
  }

  /** The lowest code in use need not be 0. */
  @Test
  void highCodesBelowHalfAStepBecomeTheirMeanToo() {
    byte[] codes = new byte[32];
    for (int k = 0; k < 32; k++) {
      codes[k] = (byte) (7 + k % 2);
    }
    QuantizedMatrix weight =
        new QuantizedMatrix(1, 32, 32, codes, new float[] {0.01f}, new float[] {-0.05f});
    Matrix after = DividedRows.of(weight, new float[] {2e3f}, "V").dequantize();
    for (int k = 0; k < 32; k++) {
      assertEquals((0.01 * 7.5 - 0.05) / 2e3, after.get(0, k), 0x1p-25);
    }
  }

  @Test
  void constantGroupsMayBeDividedByAnything() {
    QuantizedMatrix weight = weight(1, 0);
    float[] by = {1e4f, 1e-4f, 2};
    requireQuotients(weight, DividedRows.of(weight, by, "V"), by);
  }

  @Test
  void aGridAboveFloat16FailsByLinearAndRow() {
    QuantizedMatrix weight = weight(-1, 0);
    QuantizationException e =
        assertThrows(
            QuantizationException.class,
            () -> DividedRows.of(weight, new float[] {1, 1e-7f, 1}, "UP"));
    assertTrue(e.getMessage().startsWith("linear UP, row 1: a fold by 1"), e.getMessage());
  }
}
