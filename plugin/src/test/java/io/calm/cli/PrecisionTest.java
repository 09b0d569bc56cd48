package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Refused combinations of {@code --precision} and {@code --kv-cache}. */
class PrecisionTest {

  @Test
  void fullPrecisionKeepsNoKeysAndValues() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> new Precision("reference", Optional.of("int8")));
    assertTrue(String.valueOf(e.getMessage()).startsWith("--kv-cache: expected a W4A8 precision"));
  }
}
