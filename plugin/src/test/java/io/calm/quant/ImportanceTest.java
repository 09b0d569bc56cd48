package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ImportanceTest {

  /** The mean is 2, so that nothing counts less than 2e-4. */
  @Test
  void aSilentInputHasAShareOfTheMean() {
    assertArrayEquals(
        new float[] {7, 2e-4f, 1, 2e-4f}, Importance.of(new float[] {7, 0, 1, 1e-5f}), 1e-9f);
  }

  @Test
  void inputsThatAreAllSilentCountEqually() {
    float[] importance = Importance.of(new float[2]);
    assertTrue(importance[0] > 0 && importance[0] == importance[1]);
  }

  @Test
  void aMeanSquareThatIsNotFiniteIsRefused() {
    assertThrows(
        QuantizationException.class, () -> Importance.of(new float[] {1, Float.POSITIVE_INFINITY}));
  }
}
