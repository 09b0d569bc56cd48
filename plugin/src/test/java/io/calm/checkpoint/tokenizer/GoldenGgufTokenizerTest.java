package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.testing.Seeds;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GoldenGgufTokenizerTest {

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen2-bias", "qwen3-qknorm"})
  void theGgufFilesIdsAreThoseOfTheFoldersTokenizerJson(String family) {
    long seed = Seeds.next();
    RandomTexts texts = new RandomTexts(seed);
    GgufFile file = GgufFile.open(Goldens.path("gguf/" + family + ".gguf"));
    try (Tokenizer json = TokenizerLoader.fromDirectory(Goldens.path(family));
        Tokenizer gguf = TokenizerLoader.fromGguf(file.metadata())) {
      assertEquals(json.size(), gguf.size());
      for (int i = 0; i < 500; i++) {
        String text = texts.next();
        int[] ids = json.encode(text, i % 2 == 0);
        assertArrayEquals(ids, gguf.encode(text, i % 2 == 0), () -> "seed " + seed);
        assertEquals(json.decode(ids, false), gguf.decode(ids, false), () -> "seed " + seed);
      }
      for (int id = 0; id < json.size(); id++) {
        assertEquals(json.token(id), gguf.token(id));
        assertEquals(json.isSpecial(id), gguf.isSpecial(id));
      }
    }
  }
}
