package io.calm.checkpoint.tokenizer;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * The tokens that end a turn, recognized by their text in GGUF vocabularies. These are llama.cpp's
 * end-of-generation tokens except those for file separators and code infilling, and {@code </s>}
 * where it is an HTML tag.
 */
public final class EndOfTurnTokens {
  private static final String TAG = "</s>";

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
          TAG,
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
   * Returns whether a token is text although it may look like the end of a turn: a normal token of
   * byte-level BPE. Qwen's vocabulary has the HTML tag {@code </s>} as one. Where {@code </s>} ends
   * a text, it is a control token; llama.cpp takes both for ends of turns.
   *
   * @param model value of the key {@code tokenizer.ggml.model}
   */
  public static boolean isText(Object model, Object type) {
    return GgufTokenizer.BYTE_PAIR.equals(model)
        && type instanceof Number number
        && number.intValue() == GgufVocabulary.NORMAL;
  }

  /** Returns whether the text of a token is that of an HTML tag. */
  static boolean isTag(Object text) {
    return TAG.equals(text);
  }

  /**
   * Returns the ids of end-of-turn tokens.
   *
   * @param tokens the texts of the vocabulary, in the order of ids
   * @param text whether a token is {@linkplain #isText text}
   */
  public static Set<Integer> ids(List<?> tokens, IntPredicate text) {
    Map<Object, Integer> found = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (contains(tokens.get(id)) && !(isTag(tokens.get(id)) && text.test(id))) {
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
      texts.remove(TAG); // also where it is a control token
    }
    return new HashSet<>(found.values());
  }
}
