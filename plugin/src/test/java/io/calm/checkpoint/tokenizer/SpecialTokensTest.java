package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SpecialTokensTest {
  @TempDir private Path directory;

  @Test
  void theConfigComesBeforeTheMap() throws IOException {
    write(
        "tokenizer_config.json", "{'bos_token': '<a>', 'unk_token': null, 'model_max_length': 3}");
    write(
        "special_tokens_map.json",
        "{'bos_token': '<b>', 'unk_token': '<u>', 'eos_token': {'content': '<e>'},"
            + " 'additional_special_tokens': ['<x>']}");
    assertEquals(Map.of("bos_token", "<a>", "eos_token", "<e>"), SpecialTokens.named(directory));
    assertEquals(Map.of("bos_token", "<a>", "eos_token", "<e>"), SpecialTokens.of(directory));
  }

  @Test
  void whatNoFileNamesIsFoundByItsId() throws IOException {
    write("config.json", "{'bos_token_id': 7, 'eos_token_id': [8, 9], 'pad_token_id': 3}");
    assertEquals(Map.of(), SpecialTokens.of(directory));
    write("tokenizer.json", TokenizerSeeds.byteLevel().toString());
    assertEquals(
        Map.of("bos_token", "\u0120a", "eos_token", "0", "pad_token", "c"),
        SpecialTokens.of(directory));
    write("added_tokens.json", "{'<eight>': 8}");
    assertEquals("<eight>", SpecialTokens.of(directory).get("eos_token"));
    write(
        "tokenizer_config.json",
        "{'pad_token': null, 'added_tokens_decoder': {'7': {'content': '<seven>'}}}");
    write("generation_config.json", "{'eos_token_id': 0}");
    assertEquals(Map.of("bos_token", "<seven>", "eos_token", "<s>"), SpecialTokens.of(directory));
  }

  @Test
  void aDamagedFileIsNamed() throws IOException {
    for (String text : new String[] {"", "[]", "{", "3"}) {
      write("special_tokens_map.json", text);
      CheckpointException refused =
          assertThrows(CheckpointException.class, () -> SpecialTokens.named(directory), text);
      assertTrue(
          String.valueOf(refused.getMessage()).contains("special_tokens_map.json: expected"));
    }
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(
        directory.resolve(name), name.equals("tokenizer.json") ? text : text.replace('\'', '"'));
  }
}
