package io.calm.cka;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.tensor.Matrix;
import org.junit.jupiter.api.Test;

final class ComparedRowsTest {

  private static Matrix column(float... values) {
    float[][] rows = new float[values.length][];
    for (int i = 0; i < values.length; i++) {
      rows[i] = new float[] {values[i], 0};
    }
    return Matrix.of(rows);
  }

  @Test
  void rowsAboveTheThresholdAreLeftOut() {
    ComparedRows rows =
        ComparedRows.withoutSinks(
            column(1, 20.5f, -1, 20, 1, -70, 1), ComparedRows.DEFAULT_THRESHOLD);
    assertEquals(2, rows.excluded());
    assertEquals(5, rows.kept());
    assertEquals(7, rows.total());
    assertEquals(0, rows.row(0));
    assertEquals(3, rows.row(2));
    assertEquals(6, rows.row(4));
  }

  @Test
  void theMedianOfAnEvenNumberIsTheMean() {
    assertEquals(1, ComparedRows.withoutSinks(column(1, 3, 3, 10.1f, 1, 3), 3.3).excluded());
    assertEquals(0, ComparedRows.withoutSinks(column(1, 3, 4.1f, 1), 2.1).excluded());
    assertEquals(1, ComparedRows.withoutSinks(column(1, 3, 4.3f, 1), 2.1).excluded());
  }

  @Test
  void aMedianOfZeroLeavesNothingOut() {
    assertEquals(0, ComparedRows.withoutSinks(column(0, 0, 0, 5), 20).excluded());
    assertEquals(0, ComparedRows.withoutSinks(Matrix.allocate(0, 3), 20).excluded());
  }

  @Test
  void rowsThatAreNotFiniteAreKeptToBeReported() {
    assertEquals(
        0, ComparedRows.withoutSinks(column(1, Float.NaN, Float.POSITIVE_INFINITY), 20).excluded());
  }

  @Test
  void sinksOfEitherStreamAreLeftOut() {
    ComparedRows full = ComparedRows.withoutSinks(column(1, 900, 1, 1, 1), 20);
    ComparedRows quantized = ComparedRows.withoutSinks(column(1, 900, 1, -700, 1), 20);
    ComparedRows both = full.and(quantized);
    assertEquals(2, both.excluded());
    assertEquals(5, both.total());
    assertEquals(2, both.row(1));
    assertEquals(4, both.row(2));
    assertThrows(IllegalArgumentException.class, () -> full.and(ComparedRows.all(4)));
  }

  @Test
  void theThresholdIsPositive() {
    assertThrows(IllegalArgumentException.class, () -> ComparedRows.withoutSinks(column(1), 0));
    assertThrows(
        IllegalArgumentException.class, () -> ComparedRows.withoutSinks(column(1), Double.NaN));
  }
}
