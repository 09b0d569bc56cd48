package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A table made of bands is the table packed at once. */
class Int4TableBuilderTest {
  private static final int TOKENS = 75;
  private static final int WIDTH = 100;
  private static final int GROUP = 32;

  private final QuantizedMatrix all =
      RandomLinears.matrix(TOKENS, WIDTH, GROUP, new Random(20261125));

  private QuantizedMatrix band(int from, int to) {
    int groups = all.scales().length / TOKENS;
    return new QuantizedMatrix(
        to - from,
        WIDTH,
        GROUP,
        Arrays.copyOfRange(all.codes(), from * WIDTH, to * WIDTH),
        Arrays.copyOfRange(all.scales(), from * groups, to * groups),
        Arrays.copyOfRange(all.minimums(), from * groups, to * groups));
  }

  @Test
  void bandsOfWholeTilesAndARestMakeTheWholeTable() {
    QuantizedLinear expected = Packing.pack(all);
    QuantizedLinear got =
        new Int4TableBuilder(TOKENS, WIDTH, GROUP)
            .add(band(0, 16))
            .add(band(16, 64))
            .add(band(64, TOKENS))
            .build()
            .weight();
    assertEquals(expected.codes(), got.codes());
    assertEquals(expected.grids(), got.grids());
  }

  @Test
  void bandsThatDoNotFitAreRefused() {
    Int4TableBuilder builder = new Int4TableBuilder(TOKENS, WIDTH, GROUP);
    assertThrows(IllegalArgumentException.class, () -> builder.add(band(0, 15)), "half a tile");
    builder.add(band(0, 64));
    assertThrows(IllegalArgumentException.class, () -> builder.add(band(0, 16)), "too many rows");
    assertThrows(IllegalStateException.class, builder::build, "rows are missing");
  }
}
