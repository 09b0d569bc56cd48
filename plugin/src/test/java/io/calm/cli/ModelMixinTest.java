package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class ModelMixinTest {

  @Test
  void settingsAreRepeatedAsTheyWereGiven() {
    assertEquals(
        " -s calm.pool=rtn,gptq -s calm.group=32",
        parse("-s", "calm.pool=rtn,gptq", "MODEL", "--set=calm.group=32").options());
    assertEquals("", parse("MODEL").options());
  }

  private static ModelMixin parse(String... arguments) {
    return CommandLine.populateCommand(new ModelMixin(), arguments);
  }
}
