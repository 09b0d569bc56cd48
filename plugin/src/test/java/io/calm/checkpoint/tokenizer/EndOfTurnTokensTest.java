package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EndOfTurnTokensTest {
  /** Behind the tiny vocabulary. */
  private static final int TAG = 2048;

  private static Set<Integer> ids(List<String> tokens) {
    return EndOfTurnTokens.ids(tokens, id -> false);
  }

  @Test
  void tokensAreFoundByTheirText() {
    assertEquals(
        Set.of(1, 3, 4), ids(List.of("a", "<|eot_id|>", "<|im_start|>", "<end_of_turn>", "</s>")));
    assertEquals(Set.of(), ids(List.of("<|im_end|> ", "eot", "")));
  }

  @Test
  void whatEndsAMessageOfSeveralIsNoEndOfATurn() {
    assertEquals(Set.of(0, 1), ids(List.of("<|return|>", "<|call|>", "<|end|>")));
    assertEquals(Set.of(0, 1), ids(List.of("<|flush|>", "<|calls|>", "<|end|>")));
    assertEquals(Set.of(0, 1), ids(List.of("<|return|>", "<|end|>")));
    assertEquals(Set.of(0), ids(List.of("<|tool_response>", "</s>")));
  }

  @Test
  void aTurnEndOfAnotherTypeIsTakenAsControl() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    Long[] types = new Long[2048];
    for (int i = 0; i < types.length; i++) {
      types[i] = i == 0 ? 3L : 1L;
    }
    metadata.put("tokenizer.ggml.token_type", List.of(types));
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertTrue(tokenizer.isSpecial(2));
      assertArrayEquals(new int[] {2}, tokenizer.encode("<|im_end|>", false));
      assertEquals("", tokenizer.decode(new int[] {2}, true));
    }
  }

  /** In Qwen's vocabulary it is a normal token that no merge makes. */
  @Test
  void anHtmlTagIsText() {
    Map<String, Object> metadata = withTag();
    String text = "<s>a</s>";
    try (Tokenizer plain = TokenizerLoader.fromGguf(TinyVocabulary.gguf("gpt-2"));
        Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertFalse(tokenizer.isSpecial(TAG));
      assertArrayEquals(plain.encode(text, false), tokenizer.encode(text, false));
      assertEquals(text, tokenizer.decode(tokenizer.encode(text, false), true));
    }
    assertEquals(Set.of(0), EndOfTurnTokens.ids(List.of("<|im_end|>", "</s>"), id -> true));
  }

  @ParameterizedTest
  @ValueSource(strings = {"control", "eos_token_id", "eot_token_id", "eom_token_id"})
  void aTagThatEndsTextsIsControl(String how) {
    Map<String, Object> metadata = withTag();
    if (how.equals("control")) {
      List<Object> types = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.token_type"));
      types.set(TAG, 3L);
      metadata.put("tokenizer.ggml.token_type", types);
    } else {
      metadata.put("tokenizer.ggml." + how, (long) TAG);
    }
    try (Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata)) {
      assertTrue(tokenizer.isSpecial(TAG));
      assertArrayEquals(new int[] {TAG}, tokenizer.encode("</s>", false));
    }
  }

  private static Map<String, Object> withTag() {
    Map<String, Object> metadata = TinyVocabulary.gguf("gpt-2");
    List<Object> tokens = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.tokens"));
    tokens.add("</s>");
    List<Object> types = new ArrayList<>((List<?>) metadata.get("tokenizer.ggml.token_type"));
    types.add(1L);
    metadata.put("tokenizer.ggml.tokens", tokens);
    metadata.put("tokenizer.ggml.token_type", types);
    return metadata;
  }
}
