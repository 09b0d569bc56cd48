package io.calm.checkpoint.tokenizer.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.util.Collections;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files that the check of tokenizer.json accepts or refuses, beside the fuzzer's seeds. */
class CheckedTokenizerTest {
  private static String added(int id, String content, boolean normalized) {
    return """
        {"id": %d, "content": "%s", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": %s, "special": false}"""
        .formatted(id, content, normalized);
  }

  private static String tokenizer(String normalizer, String addedTokens) {
    return """
        {"version": "1.0", "of_a_later_version": {"a": [1]}, "normalizer": %s,
         "added_tokens": [%s],
         "model": {"type": "BPE", "of_a_later_version": 1, "vocab": {"a": 0, "b": 1, "ab": 2},
                   "merges": ["a b"]}}"""
        .formatted(normalizer, addedTokens);
  }

  /** The normalizer that transformers gives converted SentencePiece models. */
  private static String sentencePiece(String regex, String content) {
    return """
        {"type": "Sequence", "normalizers": [
          {"type": "Strip", "strip_left": false, "strip_right": true},
          {"type": "Replace", "pattern": {"Regex": "%s"}, "content": "%s"}]}"""
        .formatted(regex, content);
  }

  @ParameterizedTest
  @CsvSource({"' {2,}', ▁", "'\\\\s+', ' '", "'[\\\\t\\\\n]', ''"})
  void anExpressionSparesTokensOfOtherCharacters(String regex, String content) {
    String json = tokenizer(sentencePiece(regex, content), added(3, "<tool_call>", true));
    assertTrue(CheckedTokenizer.of(json, "tokenizer.json").added().get(3));
  }

  @ParameterizedTest
  @CsvSource({"'[a-z]+', <tool>", "'[<>a-z]+', <tool>", "., x", "\\\\W, <tool>", "' {2,}', é"})
  void anExpressionThatMayLeaveNothingOfATokenIsRefused(String regex, String token) {
    String json = tokenizer(sentencePiece(regex, ""), added(3, token, true));
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> CheckedTokenizer.of(json, "tokenizer.json"));
    assertTrue(String.valueOf(refused.getMessage()).contains("normalized false"));
    String literal = tokenizer(sentencePiece(regex, ""), added(3, token, false));
    assertTrue(CheckedTokenizer.of(literal, "tokenizer.json").added().get(3));
  }

  @Test
  void expressionsAreLimitedTogether() {
    String step =
        """
        {"type": "Replace", "pattern": {"Regex": "%s"}, "content": "x"}"""
            .formatted("a".repeat(4096));
    String four = String.join(",", Collections.nCopies(4, step));
    String sequence = "{\"type\": \"Sequence\", \"normalizers\": [%s]}";
    CheckedTokenizer.of(tokenizer(sequence.formatted(four), ""), "tokenizer.json");
    String five = tokenizer(sequence.formatted(four + "," + step), "");
    CheckpointException refused =
        assertThrows(CheckpointException.class, () -> CheckedTokenizer.of(five, "tokenizer.json"));
    assertTrue(
        String.valueOf(refused.getMessage())
            .startsWith("tokenizer.json: normalizer.normalizers[4].pattern.Regex: expected"),
        refused.getMessage());
  }

  @Test
  void dropoutIsLeftOut() {
    String json = tokenizer("null", "").replace("\"vocab\"", "\"dropout\": 0.1, \"vocab\"");
    assertFalse(CheckedTokenizer.of(json, "tokenizer.json").json().contains("dropout"));
  }

  @Test
  void aTokenForEveryCodeOfSpeechPasses() {
    int count = 65_536 + 256;
    String tokens =
        IntStream.range(0, count)
            .mapToObj(i -> added(3 + i, "<|s_" + i + "|>", false))
            .collect(Collectors.joining(","));
    CheckedTokenizer checked = CheckedTokenizer.of(tokenizer("null", tokens), "tokenizer.json");
    assertEquals(count, checked.added().cardinality());
    assertEquals("<|s_65535|>", checked.tokens().get(3 + 65_535));
  }
}
