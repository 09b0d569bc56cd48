package io.calm.quant.gptq;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.tensor.Matrix;
import io.calm.testing.Seeds;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A permutation in place against the definition. */
class SymmetricTest {

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 64, 101})
  void permutesRowsAndColumns(int size) {
    for (long seed = 0; seed < 5; seed++) {
      List<Integer> shuffled = IntStream.range(0, size).boxed().collect(Collectors.toList());
      Collections.shuffle(shuffled, new Random(Seeds.of(seed)));
      int[] order = shuffled.stream().mapToInt(Integer::intValue).toArray();
      Matrix matrix = Matrix.allocate(size, size);
      for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
          matrix.set(i, j, Math.min(i, j) * 1000 + Math.max(i, j));
        }
      }
      Matrix before = matrix.copy();

      Symmetric.permute(matrix, order);

      for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
          assertEquals(before.get(order[i], order[j]), matrix.get(i, j), "seed " + seed);
        }
      }
    }
  }
}
