package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The rows of a stage's input that folds are chosen on, and those that the choice is checked on.
 */
class StageSumsTest {

  /** For the sequences of every effort, and for rows that the samples do not divide. */
  @ParameterizedTest
  @CsvSource({"64, 64", "128, 64", "512, 256", "40, 27", "2, 24", "1, 2"})
  void samplesShareNoRowAndHaveEveryPosition(int windows, int length) {
    int rows = windows * length;
    int count = Math.min(512, rows / 2);
    Set<Integer> drawn = new HashSet<>();
    for (boolean other : new boolean[] {false, true}) {
      Set<Integer> positions = new HashSet<>();
      for (int i = 0; i < count; i++) {
        int row = StageSums.sampledRow(i, count, rows, other);
        assertTrue(row >= (long) i * rows / count && row < (i + 1L) * rows / count);
        assertTrue(drawn.add(row), "row %d twice".formatted(row));
        positions.add(row % length);
      }
      assertTrue(positions.size() * 2 >= Math.min(count, length), positions.toString());
    }
  }
}
