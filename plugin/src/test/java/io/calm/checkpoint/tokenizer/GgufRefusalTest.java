package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Refusals of unusable metadata, with the key, the expected and the actual value, and a remedy. */
class GgufRefusalTest {

  @Test
  void anUnknownModelIsRefusedWithTheSupportedOnes() {
    refused("model", "bert", "gpt2 (byte-level BPE) or llama (SentencePiece BPE)", "\"bert\"");
  }

  @Test
  void anUnknownPreTokenizerIsRefusedWithTheSupportedOnes() {
    refused("pre", "tekken", "llama-bpe", "\"tekken\"");
  }

  @Test
  void aListOfTheWrongLengthIsRefused() {
    refused("token_type", List.of(1L), "2048 token types, one per token", "1 elements");
  }

  @Test
  void aTokenThatIsNoStringIsRefused() {
    refused("tokens", List.of("a", 7L), "a list of strings", "\"7\" at index 1");
  }

  @Test
  void anEmptyVocabularyIsRefused() {
    refused("tokens", List.of(), "at least one token", "none");
  }

  @Test
  void aMergeOfUnknownPiecesIsRefused() {
    refused("merges", List.of("h e", "qq zz"), "pieces", "\"qq\" of \"qq zz\" at index 1");
  }

  @Test
  void aMergeIntoAnUnknownPieceIsRefused() {
    refused("merges", List.of("q z"), "results", "\"qz\" of \"q z\" at index 0");
  }

  @Test
  void aMergeOfOnePieceIsRefused() {
    refused("merges", List.of("he"), "two pieces", "\"he\" at index 0");
  }

  @Test
  void aTokenIdOutsideTheVocabularyIsRefused() {
    refused("bos_token_id", 2048L, "a token id from 0 to 2047", "\"2048\"", "add_bos_token", true);
  }

  @Test
  void anAddedBosNeedsAnId() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.remove("tokenizer.ggml.bos_token_id");
    metadata.put("tokenizer.ggml.add_bos_token", true);
    assertRefused(metadata, "bos_token_id", "add_bos_token asks for one", "no such key");
  }

  @Test
  void missingKeysAreRefused() {
    for (String key : List.of("model", "tokens", "merges")) {
      Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
      metadata.remove("tokenizer.ggml." + key);
      assertRefused(metadata, key, "expected", "no such key");
    }
  }

  @Test
  void sentencePieceNeedsAScoreForEachToken() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.put("tokenizer.ggml.model", "llama");
    assertRefused(metadata, "scores", "2048 numbers, one per token", "no such key");
    metadata.put("tokenizer.ggml.scores", List.of(1.0));
    assertRefused(metadata, "scores", "2048 numbers, one per token", "1 elements");
  }

  /** Every split of every piece is a merge; 850 such tokens, 375 KB, used to exhaust 1 GiB. */
  @Test
  void sentencePieceTokensWithTooManySplitsAreRefused() {
    List<String> tokens = new ArrayList<>(List.of("<unk>", "<s>", "</s>"));
    List<Long> types = new ArrayList<>(List.of(2L, 3L, 3L));
    List<Double> scores = new ArrayList<>(List.of(0.0, 0.0, 0.0));
    for (int length = 1; length <= 850; length++) {
      tokens.add("a".repeat(length));
      types.add(1L);
      scores.add(-1.0 * length);
    }
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.put("tokenizer.ggml.model", "llama");
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.token_type", types);
    metadata.put("tokenizer.ggml.scores", scores);
    assertRefused(
        metadata, "tokens", "at most 2097152 splits of 67108864 characters", "more by token 588");
  }

  private static void refused(
      String key, Object value, String expected, String got, Object... more) {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    metadata.put("tokenizer.ggml." + key, value);
    for (int i = 0; i < more.length; i += 2) {
      metadata.put("tokenizer.ggml." + more[i], more[i + 1]);
    }
    assertRefused(metadata, key, expected, got);
  }

  private static void assertRefused(
      Map<String, Object> metadata, String key, String expected, String got) {
    CheckpointException e =
        assertThrows(CheckpointException.class, () -> TokenizerLoader.fromGguf(metadata));
    String message = String.valueOf(e.getMessage());
    assertTrue(message.startsWith("GGUF metadata, key tokenizer.ggml." + key + ": "), message);
    assertTrue(message.contains(expected), message);
    assertTrue(message.contains("got " + got), message);
    assertEquals(1, message.lines().count());
    assertTrue(message.contains("; convert the model again"), message);
  }
}
