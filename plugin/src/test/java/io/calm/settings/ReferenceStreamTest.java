package io.calm.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.model.ActivationMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReferenceStreamTest {

  @ParameterizedTest
  @CsvSource({
    "AUTO, false, PER_GROUP, false",
    "AUTO, true, PER_GROUP, true",
    "AUTO, false, PER_TOKEN, true",
    "QUANTIZED, true, PER_TOKEN, false",
    "FULL_PRECISION, false, PER_GROUP, true",
  })
  void autoFollowsThePoolAndTheActivations(
      ReferenceStream reference, boolean corrects, ActivationMode activation, boolean expected) {
    assertEquals(expected, reference.isFullPrecision(corrects, activation));
  }
}
