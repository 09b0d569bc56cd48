package io.calm.checkpoint.tokenizer;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The tokens that end a turn, recognized by their text in GGUF vocabularies. These are llama.cpp's
 * end-of-generation tokens except those for file separators and code infilling.
 */
public final class EndOfTurnTokens {
  private static final Set<String> TEXTS =
      Set.of(
          "<|eot_id|>",
          "<|im_end|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<|flush|>",
          "<|calls|>",
          "<end_of_turn>",
          "<|endoftext|>",
          "</s>",
          "<|eom_id|>",
          "<EOT>",
          "_<EOT>",
          "[EOT]",
          "[EOS]",
          "<|end_of_text|>",
          "<end_of_utterance>",
          "<eos>",
          "<turn|>",
          "<|tool_response>",
          "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
          "[e~[");

  private EndOfTurnTokens() {}

  /** Returns whether a token with this text ends a turn in most vocabularies. */
  static boolean contains(Object text) {
    return TEXTS.contains(text);
  }

  /**
   * Returns the ids of end-of-turn tokens.
   *
   * @param tokens the texts of the vocabulary, in the order of ids
   */
  public static Set<Integer> ids(List<?> tokens) {
    Map<Object, Integer> found = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (contains(tokens.get(id))) {
        found.put(tokens.get(id), id);
      }
    }
    Set<Object> texts = found.keySet();
    boolean harmony = texts.containsAll(Set.of("<|return|>", "<|call|>"));
    boolean solar =
        texts.contains("<|flush|>") && (texts.contains("<|call|>") || texts.contains("<|calls|>"));
    if (harmony || solar) {
      texts.remove("<|end|>"); // ends only a message of a turn in these vocabularies
    }
    if (texts.contains("<|tool_response>")) {
      texts.remove("</s>"); // an HTML tag in this vocabulary
    }
    return new HashSet<>(found.values());
  }
}
