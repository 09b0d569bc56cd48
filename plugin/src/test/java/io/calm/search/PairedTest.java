package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PairedTest {

  @Test
  void standardErrorIsThatOfTheDifferences() {
    assertEquals(0, Paired.standardError(new double[] {1, 2, 3}, new double[] {0, 1, 2}));
    assertEquals(
        Math.sqrt(1.0 / 3),
        Paired.standardError(new double[] {1, 2, 3}, new double[] {0, 2, 4}),
        1e-12);
    assertEquals(0, Paired.standardError(new double[] {1}, new double[] {0}), "one alone");
  }
}
