package io.calm.checkpoint.tokenizer;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.Tokenizer;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Conversions from tokenizer.json to GGUF metadata, and back. */
class GgufTokenizerMetadataTest {
  private static final int ROWS = 2048;

  @TempDir Path directory;

  private static GenerationDefaults ends(Integer... ids) {
    return new GenerationDefaults(
        OptionalInt.empty(),
        Set.of(ids),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }

  private Map<String, Object> convert(int rows, GenerationDefaults defaults) {
    try (Tokenizer tokenizer = TokenizerLoader.fromDirectory(directory)) {
      return GgufTokenizerMetadata.of(directory, rows, defaults, tokenizer);
    }
  }

  private void write(JsonObject json) throws IOException {
    Files.writeString(directory.resolve("tokenizer.json"), json.toString());
  }

  private static Object get(Map<String, Object> metadata, String key) {
    return metadata.getOrDefault("tokenizer.ggml." + key, "none");
  }

  /** A file that names a pre-tokenizer, to tokenizer.json, and back to the same name. */
  @ParameterizedTest
  @ValueSource(strings = {"gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-r1-qwen", "default"})
  void everyPreTokenizerIsRecognized(String pre) throws IOException {
    Map<String, Object> metadata = TinyVocabulary.gguf(pre);
    Files.writeString(directory.resolve("tokenizer.json"), TokenizerLoader.jsonOfGguf(metadata));
    Map<String, Object> converted = convert(ROWS, ends(2));
    assertEquals("gpt2", get(converted, "model"));
    assertEquals(pre, get(converted, "pre"));
    for (String same : List.of("tokens", "token_type", "merges")) {
      assertEquals(get(metadata, same), get(converted, same), same);
    }
    assertEquals(false, get(converted, "add_bos_token"));
    assertEquals(2L, get(converted, "eos_token_id"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void sentencePieceScoresOrderTheSameMerges(boolean spacePrefix) throws IOException {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (int round = 0; round < 5; round++) {
      Map<String, Object> metadata = SentencePieceGgufTest.randomVocabulary(random);
      metadata.put("tokenizer.ggml.add_space_prefix", spacePrefix);
      Files.writeString(directory.resolve("tokenizer.json"), TokenizerLoader.jsonOfGguf(metadata));
      int rows = ((List<?>) metadata.get("tokenizer.ggml.tokens")).size();
      Map<String, Object> converted = convert(rows, ends(2));
      assertEquals("llama", get(converted, "model"));
      assertEquals(spacePrefix, get(converted, "add_space_prefix"));
      assertEquals(true, get(converted, "add_bos_token"));
      assertEquals(1L, get(converted, "bos_token_id"));
      RandomTexts texts = new RandomTexts(random.nextLong());
      try (Tokenizer before = TokenizerLoader.fromGguf(metadata);
          Tokenizer json = TokenizerLoader.fromDirectory(directory);
          Tokenizer after = TokenizerLoader.fromGguf(converted)) {
        for (int i = 0; i < 100; i++) {
          String text = texts.next();
          int[] ids = before.encode(text, true);
          assertArrayEquals(ids, json.encode(text, true), () -> "seed " + seed);
          assertArrayEquals(ids, after.encode(text, true), () -> "seed " + seed);
          assertEquals(before.decode(ids, true), json.decode(ids, true), () -> "seed " + seed);
        }
        for (int id = 0; id < rows; id++) {
          assertEquals(before.isSpecial(id), after.isSpecial(id), "id " + id);
        }
      }
    }
  }

  @Test
  void rowsWithoutATokenAreUnused() throws IOException {
    write(TinyVocabulary.json());
    Map<String, Object> converted = convert(ROWS + 3, ends());
    assertEquals("[PAD2050]", ((List<?>) get(converted, "tokens")).get(2050));
    assertEquals(5L, ((List<?>) get(converted, "token_type")).get(2050));
    assertEquals(3L, ((List<?>) get(converted, "token_type")).get(0));
  }

  @Test
  void aTokenWithoutARowIsRefused() throws IOException {
    write(TinyVocabulary.json());
    assertRefused(
        () -> convert(ROWS - 1, ends()),
        "at most 2047 tokens, the rows of the embedding table",
        "with id 2047",
        "safetensors");
  }

  @Test
  void specialTokensAreThoseOfTheConfiguration() throws IOException {
    write(TinyVocabulary.json());
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"bos_token\": {\"content\": \"<|im_start|>\"}, \"eos_token\": \"<|im_end|>\","
            + " \"pad_token\": \"<|endoftext|>\"}");
    Map<String, Object> converted = convert(ROWS, ends(2, 7, 9));
    assertEquals(1L, get(converted, "bos_token_id"));
    assertEquals(2L, get(converted, "eos_token_id"));
    assertEquals(0L, get(converted, "padding_token_id"));
    assertEquals(7L, get(converted, "eot_token_id"));
    assertEquals(9L, get(converted, "eom_token_id"));
  }

  @Test
  void keysHaveOneOrderSoThatTwoExportsAreTheSame() throws IOException {
    write(TinyVocabulary.json());
    Files.writeString(
        directory.resolve("tokenizer_config.json"),
        "{\"mask_token\": \"<|im_end|>\", \"pad_token\": \"<|endoftext|>\","
            + " \"sep_token\": \"<|im_end|>\", \"unk_token\": \"<|endoftext|>\","
            + " \"eos_token\": \"<|im_end|>\", \"bos_token\": \"<|im_start|>\"}");
    assertEquals(
        List.of(
            "bos_token_id",
            "eos_token_id",
            "unknown_token_id",
            "seperator_token_id",
            "padding_token_id",
            "mask_token_id"),
        convert(ROWS, ends(2)).keySet().stream()
            .map(key -> key.substring("tokenizer.ggml.".length()))
            .filter(key -> key.endsWith("_token_id"))
            .toList());
  }

  @Test
  void anUnknownPreTokenizerIsNamed() throws IOException {
    JsonObject json = TinyVocabulary.json();
    JsonObject digits = new JsonObject();
    digits.addProperty("type", "Digits");
    digits.addProperty("individual_digits", false);
    JsonArray steps = new JsonArray();
    steps.add(digits);
    steps.add(json.get("pre_tokenizer"));
    JsonObject sequence = new JsonObject();
    sequence.addProperty("type", "Sequence");
    sequence.add("pretokenizers", steps);
    json.add("pre_tokenizer", sequence);
    write(json);
    assertRefused(
        () -> convert(ROWS, ends()), "pre_tokenizer", "those that GGUF names", "individual_digits");
  }

  @Test
  void otherModelsAreNamed() throws IOException {
    write(
        JsonParser.parseString(
                "{\"version\": \"1.0\", \"model\": {\"type\": \"WordLevel\", \"unk_token\": \"a\","
                    + " \"vocab\": {\"a\": 0}}}")
            .getAsJsonObject());
    assertRefused(() -> convert(1, ends()), "model.type: expected BPE, got WordLevel");
  }

  /** Tokens that strip the text around them exist in tokenizer.json only: the trial finds them. */
  @Test
  void aTokenizerThatDiffersInATextIsRefused() throws IOException {
    JsonObject json = TinyVocabulary.json();
    json.getAsJsonArray("added_tokens").get(1).getAsJsonObject().addProperty("lstrip", true);
    write(json);
    assertRefused(() -> convert(ROWS, ends()), "a tokenizer that GGUF can express", "<|im_start|>");
  }

  @Test
  void tokensBeforeAndAfterATextAreOneAtMost() throws IOException {
    JsonObject json = TinyVocabulary.json();
    json.add(
        "post_processor",
        JsonParser.parseString(
            """
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "<|im_start|>", "type_id": 0}},
                        {"Sequence": {"id": "A", "type_id": 0}}],
             "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
             "special_tokens": {"<|im_start|>": {"id": "<|im_start|>", "ids": [1], "tokens": ["<|im_start|>"]}}}
            """));
    write(json);
    Map<String, Object> converted = convert(ROWS, ends());
    assertEquals(true, get(converted, "add_bos_token"));
    assertEquals(1L, get(converted, "bos_token_id"));
    assertEquals(false, get(converted, "add_eos_token"));
    json.getAsJsonObject("post_processor")
        .getAsJsonArray("single")
        .add(json.getAsJsonObject("post_processor").getAsJsonArray("single").get(0));
    json.getAsJsonObject("post_processor")
        .getAsJsonArray("single")
        .add(json.getAsJsonObject("post_processor").getAsJsonArray("single").get(0));
    write(json);
    assertRefused(() -> convert(ROWS, ends()), "post_processor", "at most one token before");
    assertTrue(Files.exists(directory.resolve("tokenizer.json")));
  }
}
