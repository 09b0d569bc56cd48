package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeadKernelTest {
  private static final int TOKENS = 555;
  private static final int WIDTH = 100;

  private static TokenTable table(String format, int group, Random random) {
    TokenTableBuilder builder =
        switch (format) {
          case "int8" -> TokenTableBuilder.int8(TOKENS, WIDTH, group, ByteBuffer::allocateDirect);
          case "float16" -> TokenTableBuilder.float16(TOKENS, WIDTH, ByteBuffer::allocateDirect);
          default -> TokenTableBuilder.float32(TOKENS, WIDTH, ByteBuffer::allocateDirect);
        };
    Matrix rows = Matrix.allocate(TOKENS, WIDTH);
    for (int v = 0; v < TOKENS; v++) {
      rows.writeRow(v, v == 3 ? new float[WIDTH] : RandomLinears.vector(WIDTH, random));
    }
    return builder.add(rows).build();
  }

  private static float[] expected(float[] x, TokenTable table, boolean perToken) {
    if (table instanceof TokenTable.Int8Table int8) {
      return NaiveKernels.int8(x, int8, perToken);
    }
    if (table instanceof TokenTable.Int4 int4) {
      return NaiveKernels.linear(x, Unpacked.of(int4.weight()), new float[0], perToken);
    }
    return NaiveKernels.floats(x, table);
  }

  @ParameterizedTest
  @ValueSource(strings = {"int8", "int4", "float16", "float32"})
  void everyLogitHasTheBitsOfThePlainLoops(String format) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int group : new int[] {32, 64, 128}) {
      TokenTable table =
          format.equals("int4")
              ? new TokenTable.Int4(
                  Packing.pack(RandomLinears.matrix(TOKENS, WIDTH, group, random)))
              : table(format, group, random);
      for (int rows : new int[] {1, 2, 7}) {
        boolean perToken = random.nextBoolean();
        float[] x = RandomLinears.activations(rows, WIDTH, random);
        float[][] logits = logits(table, perToken, x, rows, random);
        for (int t = 0; t < rows; t++) {
          float[] row = Arrays.copyOfRange(x, t * WIDTH, (t + 1) * WIDTH);
          assertArrayEquals(
              expected(row, table, perToken),
              logits[t],
              "seed %d: %s, group %d, row %d of %d".formatted(seed, format, group, t, rows));
        }
      }
    }
  }

  @Test
  void aTableInOtherGroupsIsThatOfTheSameRows() {
    long seed = Seeds.next();
    TokenTable.Int8Table table = (TokenTable.Int8Table) table("int8", 32, new Random(seed));
    TokenTable same = table("int8", 64, new Random(seed));
    float[] x = RandomLinears.activations(1, WIDTH, new Random(seed));
    assertArrayEquals(
        logits(same, false, x, 1, new Random(seed))[0],
        logits(table.withGroup(64), false, x, 1, new Random(seed))[0],
        "seed " + seed);
    // 100 columns are padded to 128 in groups of 32 and of 64; 96 are not padded to 128 in both
    assertThrows(IllegalArgumentException.class, () -> table(96).withGroup(64));
  }

  /** Returns a table whose rows are padded to this width. */
  private static TokenTable.Int8Table table(int width) {
    return (TokenTable.Int8Table)
        TokenTableBuilder.int8(1, width, 32, ByteBuffer::allocateDirect)
            .add(Matrix.allocate(1, width))
            .build();
  }

  private static float[][] logits(
      TokenTable table, boolean perToken, float[] x, int rows, Random random) {
    HeadKernel head =
        HeadKernel.of(
            table,
            perToken ? ActivationQuantizer.perToken() : ActivationQuantizer.perGroup(),
            rows);
    for (int t = 0; t < rows; t++) {
      assertTrue(head.read(x, t * WIDTH, t));
    }
    float[][] logits = new float[rows][TOKENS];
    KernelScratch scratch = KernelScratch.allocate(rows);
    for (int from = 0; from < head.tiles(); ) {
      int to = Math.min(head.tiles(), from + 1 + random.nextInt(KernelScratch.MAX_TILES));
      head.multiply(from, to, logits, scratch);
      from = to;
    }
    return logits;
  }

  @Test
  void aRowThatIsNotFiniteIsReported() {
    Random random = new Random(Seeds.of(4));
    for (String format : new String[] {"int8", "float32"}) {
      HeadKernel head = HeadKernel.of(table(format, 32, random), ActivationQuantizer.perGroup(), 1);
      float[] x = RandomLinears.vector(WIDTH, random);
      x[99] = Float.NEGATIVE_INFINITY;
      assertFalse(head.read(x, 0, 0), format);
    }
  }
}
