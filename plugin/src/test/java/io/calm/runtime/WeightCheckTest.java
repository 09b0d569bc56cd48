package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WeightCheckTest {
  @ParameterizedTest
  @ValueSource(ints = {1, 99, 101})
  void aFinalNormOfAnotherLengthIsRefused(int length) {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(1));
    WeightCheck.checkTables(model);
    QuantizedModel wrong =
        new QuantizedModel(
            model.spec(),
            model.blocks(),
            model.embeddings(),
            model.head(),
            Arrays.copyOf(model.finalNorm(), length),
            model.activation());
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> WeightCheck.checkTables(wrong));
    assertEquals(
        "final norm: expected 100 elements, got %d; make the model's artifact again"
            .formatted(length),
        e.getMessage());
  }
}
