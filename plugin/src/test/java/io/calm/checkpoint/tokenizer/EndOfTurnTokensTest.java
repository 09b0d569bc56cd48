package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Tokenizer;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class EndOfTurnTokensTest {

  @Test
  void tokensAreFoundByTheirText() {
    assertEquals(
        Set.of(1, 3, 4),
        EndOfTurnTokens.ids(List.of("a", "<|eot_id|>", "<|im_start|>", "<end_of_turn>", "</s>")));
    assertEquals(Set.of(), EndOfTurnTokens.ids(List.of("<|im_end|> ", "eot", "")));
  }

  @Test
  void whatEndsAMessageOfSeveralIsNoEndOfATurn() {
    assertEquals(Set.of(0, 1), EndOfTurnTokens.ids(List.of("<|return|>", "<|call|>", "<|end|>")));
    assertEquals(Set.of(0, 1), EndOfTurnTokens.ids(List.of("<|flush|>", "<|calls|>", "<|end|>")));
    assertEquals(Set.of(0, 1), EndOfTurnTokens.ids(List.of("<|return|>", "<|end|>")));
    assertEquals(Set.of(0), EndOfTurnTokens.ids(List.of("<|tool_response>", "</s>")));
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
}
