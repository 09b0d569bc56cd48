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
  void rowsAboveTheThresholdCountAsOrdinaryOnes() {
    ComparedRows rows = ComparedRows.scalingSinks(column(1, 20.5f, -1, 20, 1, -70, 1), 20);
    assertEquals(2, rows.sinks());
    assertEquals(7, rows.count());
    assertEquals(1, rows.factor(0));
    assertEquals(1 / 32f, rows.factor(1), "20.5 becomes 0.64");
    assertEquals(1, rows.factor(3));
    assertEquals(1 / 128f, rows.factor(5), "70 becomes 0.55");
  }

  @Test
  void theMedianOfAnEvenNumberIsTheMean() {
    assertEquals(1, ComparedRows.scalingSinks(column(1, 3, 3, 10.1f, 1, 3), 3.3).sinks());
    assertEquals(0, ComparedRows.scalingSinks(column(1, 3, 4.1f, 1), 2.1).sinks());
    assertEquals(1, ComparedRows.scalingSinks(column(1, 3, 4.3f, 1), 2.1).sinks());
  }

  @Test
  void aMedianOfZeroScalesNothing() {
    assertEquals(0, ComparedRows.scalingSinks(column(0, 0, 0, 5), 20).sinks());
    assertEquals(0, ComparedRows.scalingSinks(Matrix.allocate(0, 3), 20).sinks());
  }

  @Test
  void rowsThatAreNotFiniteAreKeptToBeReported() {
    assertEquals(
        0, ComparedRows.scalingSinks(column(1, Float.NaN, Float.POSITIVE_INFINITY), 20).sinks());
  }

  @Test
  void sinksOfEitherStreamAreScaled() {
    ComparedRows full = ComparedRows.scalingSinks(column(1, 900, 1, 1, 1), 20);
    ComparedRows quantized = ComparedRows.scalingSinks(column(1, 100, 1, -700, 1), 20);
    ComparedRows both = full.and(quantized);
    assertEquals(2, both.sinks());
    assertEquals(5, both.count());
    assertEquals(1 / 1024f, both.factor(1), "the lesser of 1/1024 and 1/128");
    assertEquals(1 / 1024f, both.factor(3));
    assertThrows(IllegalArgumentException.class, () -> full.and(ComparedRows.all(4)));
  }

  @Test
  void sinksOfBothStreamsCanBeLeftAsTheyAre() {
    ComparedRows full = ComparedRows.scalingSinks(column(1, 900, 1, 1, 1), 20);
    ComparedRows quantized = ComparedRows.scalingSinks(column(1, 900, 1, -700, 1), 20);
    ComparedRows alone = quantized.except(full);
    assertEquals(1, alone.sinks());
    assertEquals(1, alone.factor(1));
    assertEquals(1 / 1024f, alone.factor(3));
    assertThrows(IllegalArgumentException.class, () -> full.except(ComparedRows.all(4)));
  }

  @Test
  void theThresholdIsOneOrMore() {
    assertThrows(IllegalArgumentException.class, () -> ComparedRows.scalingSinks(column(1), 0.9));
    assertThrows(
        IllegalArgumentException.class, () -> ComparedRows.scalingSinks(column(1), Double.NaN));
  }
}
