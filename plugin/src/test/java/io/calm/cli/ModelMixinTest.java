package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class ModelMixinTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();
  private static final String QUEUE_SIZE = "job_queue_size=32";

  @Test
  void settingsAreRepeatedAsTheyWereGiven() {
    assertEquals(
        " -s calm.pool=rtn,gptq -s calm.group=32",
        parse("-s", "calm.pool=rtn,gptq", "MODEL", "--set=calm.group=32").options());
    assertEquals("", parse("MODEL").options());
  }

  @ParameterizedTest
  @ValueSource(strings = {"clam.group", "CALM.GROUP", "group", " calm.group", ""})
  void aKeyWithoutEffectIsRefused(String key) {
    ModelMixin mixin = parse(TINY, "-s", key + "=32");
    ArgumentException e = assertThrows(ArgumentException.class, mixin::resolve);
    assertTrue(String.valueOf(e.getMessage()).contains("got '" + key + "'"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"calm.group=32", "option.calm.group=32", "option.tgi_compat=true", QUEUE_SIZE})
  void keysOfThePluginAndOfDjlAreTaken(String setting) {
    assertDoesNotThrow(() -> parse(TINY, "-s", setting).resolve());
  }

  private static ModelMixin parse(String... arguments) {
    return CommandLine.populateCommand(new ModelMixin(), arguments);
  }
}
