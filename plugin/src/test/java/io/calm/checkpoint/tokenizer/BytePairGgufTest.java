package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Tokenizer;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BytePairGgufTest {
  private static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  private static final String TIKTOKEN =
      "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
          + "DIGITS| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  private static final Map<String, List<String>> CUTS =
      Map.of(
          "gpt-2", List.of(GPT2),
          "smollm", List.of("\\p{N}", GPT2),
          "llama-bpe", List.of(TIKTOKEN.replace("DIGITS", "\\p{N}{1,3}")),
          "qwen2", List.of(TIKTOKEN.replace("DIGITS", "\\p{N}")),
          "default",
              List.of(
                  "[\\p{P}$+<=>^~|]+",
                  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
                  "\\p{N}+",
                  "[0-9][0-9][0-9]"));

  @ParameterizedTest
  @CsvSource({
    "gpt-2, false, false",
    "smollm, false, false",
    "llama-bpe, false, true",
    "qwen2, true, false",
    "default, false, false"
  })
  void idsAreThoseOfANaiveImplementation(String pre, boolean nfc, boolean wholeWords) {
    long seed = Seeds.next();
    Map<String, Object> metadata = TinyVocabulary.gguf(pre);
    NaiveBytePair naive =
        new NaiveBytePair(metadata, CUTS.getOrDefault(pre, List.of()), nfc, wholeWords);
    RandomTexts texts = new RandomTexts(seed);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      for (int i = 0; i < 2_000; i++) {
        String text = texts.next();
        assertArrayEquals(
            naive.encode(text),
            tokenizer.encode(text, false),
            () -> "seed " + seed + ", text " + escape(text));
      }
    }
  }

  @Test
  void idsAreThoseOfTheTokenizerJsonThatTheFileWasConvertedFrom() {
    long seed = Seeds.next();
    RandomTexts texts = new RandomTexts(seed);
    try (Tokenizer json = TokenizerLoader.fromDirectory(TinyVocabulary.DIRECTORY);
        Tokenizer gguf = TokenizerLoader.fromGguf(TinyVocabulary.gguf("gpt-2"))) {
      assertEquals(json.size(), gguf.size());
      for (int i = 0; i < 2_000; i++) {
        String text = texts.next();
        int[] ids = json.encode(text, true);
        assertArrayEquals(ids, gguf.encode(text, true), () -> "seed " + seed + " " + escape(text));
        assertEquals(json.decode(ids, true), gguf.decode(ids, true), () -> "seed " + seed);
      }
    }
  }

  @Test
  void bosAndEosAreAddedOnlyWhenAskedFor() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.put("tokenizer.ggml.add_bos_token", true);
    metadata.put("tokenizer.ggml.add_eos_token", true);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      int[] plain = tokenizer.encode("Hello", false);
      int[] framed = tokenizer.encode("Hello", true);
      assertEquals(plain.length + 2, framed.length);
      assertEquals(1, framed[0]);
      assertEquals(2, framed[framed.length - 1]);
      assertArrayEquals(new int[] {1, 2}, tokenizer.encode("", true));
      assertArrayEquals(new int[0], tokenizer.encode("", false));
    }
  }

  @Test
  void oneTokenMayBeBosAndEos() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.put("tokenizer.ggml.bos_token_id", 0L);
    metadata.put("tokenizer.ggml.eos_token_id", 0L);
    metadata.put("tokenizer.ggml.add_bos_token", true);
    metadata.put("tokenizer.ggml.add_eos_token", true);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertArrayEquals(new int[] {0, 0}, tokenizer.encode("", true));
    }
  }

  @Test
  void llama3AddsABosWhereTheFileDoesNotSay() {
    Map<String, Object> metadata = TinyVocabulary.gguf("llama-bpe");
    metadata.remove("tokenizer.ggml.add_bos_token");
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertArrayEquals(new int[] {1}, tokenizer.encode("", true));
    }
  }

  @Test
  void tokensOfEveryTypeKeepTheirIds() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    List<Object> tokens = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.tokens"));
    List<Object> types = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.token_type"));
    int user = tokens.size();
    tokens.addAll(List.of("two words\n", "[PAD1]", "", "<unknown>", "\u00E9!"));
    types.addAll(List.of(4L, 5L, 5L, 2L, 4L));
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.token_type", types);
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertEquals(user + 5, tokenizer.size());
      assertArrayEquals(new int[] {user}, tokenizer.encode("two words\n", false));
      assertArrayEquals(new int[] {user + 3}, tokenizer.encode("<unknown>", false));
      assertArrayEquals(new int[] {user + 4}, tokenizer.encode("\u00E9!", false));
      assertTrue(tokenizer.encode("[PAD1]", false).length > 1);
      assertEquals("two words\n", tokenizer.decode(new int[] {user}, true));
      assertEquals("\u00E9!", tokenizer.decode(new int[] {user + 4}, true));
      assertEquals("", tokenizer.decode(new int[] {user + 2, user + 3}, true));
      assertEquals("<unknown>", tokenizer.token(user + 3));
      assertTrue(tokenizer.isSpecial(user + 3));
      assertTrue(!tokenizer.isSpecial(user) && !tokenizer.isSpecial(user + 1));
    }
  }

  static String escape(String text) {
    StringBuilder out = new StringBuilder();
    text.chars()
        .forEach(
            c -> out.append(c > 32 && c < 127 ? String.valueOf((char) c) : "\\u%04x".formatted(c)));
    return out.toString();
  }
}
