package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** Refused combinations of {@code --precision} and {@code --kv-cache}. */
class PrecisionTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @Test
  void fullPrecisionKeepsNoKeysAndValues() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> Precision.of("reference", Optional.of("int8")));
    assertTrue(String.valueOf(e.getMessage()).startsWith("--kv-cache: expected a W4A8 precision"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "rtn:calm.algorithm=gptq",
        "calm:calm.group=32:calm.group=64",
        "calm:calm.kv-cache=int8"
      })
  void aSettingOfAPrecisionHasOneValue(String name) {
    ArgumentException e =
        assertThrows(ArgumentException.class, () -> Precision.of(name, Optional.of("float32")));
    assertTrue(
        String.valueOf(e.getMessage())
            .startsWith("precision " + name + ": expected one value of calm."),
        e.getMessage());
  }

  /** Only {@code --kv-cache} has float32: it is no value of the setting. */
  @Test
  void float32IsNoSettingOfAPrecision() {
    Precision precision = Precision.of("rtn:calm.kv-cache=float32", Optional.empty());
    ArgumentException e =
        assertThrows(
            ArgumentException.class,
            () -> precision.resolve(CommandLine.populateCommand(new ModelMixin(), TINY)));
    assertTrue(String.valueOf(e.getMessage()).contains("calm.kv-cache"), e.getMessage());
  }

  @Test
  void aWrongFormatOfKeysAndValuesIsAnsweredForTheOption() {
    ArgumentException e =
        assertThrows(ArgumentException.class, () -> Precision.of("rtn", Optional.of("int4")));
    assertEquals("--kv-cache: expected float16 | int8 | float32, got 'int4'", e.getMessage());
  }

  @Test
  void aWrongSettingOfAPrecisionIsAnsweredForIt() {
    Precision precision = Precision.of("calm:lm-head=int8", Optional.empty());
    ArgumentException e =
        assertThrows(
            ArgumentException.class,
            () -> precision.resolve(CommandLine.populateCommand(new ModelMixin(), TINY)));
    assertTrue(
        String.valueOf(e.getMessage())
            .startsWith("precision calm:lm-head=int8: expected a key that begins with calm."),
        e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"rtn:calm.algorithm=rtn", "rtn:calm.kv-cache=int8"})
  void theSameValueTwiceIsOneValue(String name) {
    Precision precision = Precision.of(name, Optional.of("int8"));
    assertDoesNotThrow(
        () -> precision.resolve(CommandLine.populateCommand(new ModelMixin(), TINY)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference:calm.group=64", "calm:calm.group", "calm:", "rtn:=64"})
  void settingsOfAPrecisionAreNamedAndHaveAValue(String name) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Precision.of(name, Optional.empty()));
    assertTrue(e.getMessage().startsWith("precision " + name + ": expected"), e.getMessage());
  }
}
