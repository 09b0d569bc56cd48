package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TokenTableBuilderTest {
  private static final int TOKENS = 37;
  private static final int WIDTH = 100;

  private static Matrix rows(Random random) {
    Matrix rows = Matrix.allocate(TOKENS, WIDTH);
    for (int r = 0; r < TOKENS; r++) {
      for (int c = 0; c < WIDTH; c++) {
        rows.set(r, c, r == 11 ? 0 : (float) random.nextGaussian());
      }
    }
    return rows;
  }

  private static TokenTable build(TokenTableBuilder builder, Matrix rows) {
    return builder.add(rows.slice(0, 5)).add(rows.slice(5, 36)).add(rows.slice(36, 37)).build();
  }

  @Test
  void int8RoundsEachRowByItsOwnScale() {
    Matrix rows = rows(new Random(Seeds.of(1)));
    TokenTable table =
        build(TokenTableBuilder.int8(TOKENS, WIDTH, 64, ByteBuffer::allocateDirect), rows);
    float[] row = new float[WIDTH];
    for (int r = 0; r < TOKENS; r++) {
      float max = 0;
      for (int c = 0; c < WIDTH; c++) {
        max = Math.max(max, Math.abs(rows.get(r, c)));
      }
      float scale = max / 127;
      TokenTables.readRow(table, r, row);
      for (int c = 0; c < WIDTH; c++) {
        float expected = scale == 0 ? 0 : scale * Math.round(Math.rint(rows.get(r, c) / scale));
        assertEquals(expected, row[c], "row " + r);
      }
    }
  }

  @Test
  void floatFormatsKeepTheirRoundedValues() {
    Matrix rows = rows(new Random(Seeds.of(2)));
    TokenTable half =
        build(TokenTableBuilder.float16(TOKENS, WIDTH, ByteBuffer::allocateDirect), rows);
    TokenTable single =
        build(TokenTableBuilder.float32(TOKENS, WIDTH, ByteBuffer::allocateDirect), rows);
    float[] row = new float[WIDTH];
    for (int r = 0; r < TOKENS; r++) {
      TokenTables.readRow(half, r, row);
      for (int c = 0; c < WIDTH; c++) {
        assertEquals(Float16.round(rows.get(r, c)), row[c]);
      }
      TokenTables.readRow(single, r, row);
      for (int c = 0; c < WIDTH; c++) {
        assertEquals(rows.get(r, c), row[c]);
      }
    }
  }

  @Test
  void int4RowsAreTheLinears() {
    QuantizedLinear linear = Packing.pack(RandomLinears.matrix(TOKENS, WIDTH, 32, new Random(3)));
    Matrix expected = Packing.dequantize(linear);
    float[] row = new float[WIDTH];
    for (int r = 0; r < TOKENS; r++) {
      TokenTables.readRow(new TokenTable.Int4(linear), r, row);
      for (int c = 0; c < WIDTH; c++) {
        assertEquals(expected.get(r, c), row[c]);
      }
    }
  }

  @Test
  void refusesMissingRowsTooManyRowsAndValuesItCannotHold() {
    Matrix band = Matrix.allocate(2, 3);
    TokenTableBuilder builder =
        TokenTableBuilder.float16(3, 3, ByteBuffer::allocateDirect).add(band);
    assertThrows(IllegalStateException.class, builder::build);
    assertThrows(IllegalArgumentException.class, () -> builder.add(band));
    assertThrows(IllegalArgumentException.class, () -> builder.add(Matrix.allocate(1, 4)));
    Matrix large = Matrix.of(new float[][] {{1, 65520, 1}});
    String message =
        assertThrows(IllegalArgumentException.class, () -> builder.add(large)).getMessage();
    assertEquals("token table, row 2: 65520.0 is not a finite float16 number", message);
  }
}
