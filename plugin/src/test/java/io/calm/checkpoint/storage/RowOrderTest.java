package io.calm.checkpoint.storage;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RowOrderTest {

  @Test
  void pairsOfEachHeadLieSideBySide() {
    RowOrder order = new RowOrder.InterleavedPairs(6);
    assertArrayEquals(
        new int[] {0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11},
        IntStream.range(0, 12).map(order::stored).toArray());
  }
}
