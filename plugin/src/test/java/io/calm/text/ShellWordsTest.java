package io.calm.text;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShellWordsTest {
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '`',
      delimiter = '|',
      value = {
        "models/calm-tiny-llama|models/calm-tiny-llama",
        "calm.pool=rtn,awq+gptq|calm.pool=rtn,awq+gptq",
        "a dir/tiny llama|'a dir/tiny llama'",
        "modèle|'modèle'",
        "it's|'it'\\''s'",
        "$HOME/*|'$HOME/*'",
        "~/x|'~/x'",
        "``|''"
      })
  void aWordIsQuotedWhereTheShellWouldChangeIt(String word, String quoted) {
    assertEquals(quoted, ShellWords.quoted(word));
  }
}
