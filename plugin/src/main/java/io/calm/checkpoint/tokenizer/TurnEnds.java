package io.calm.checkpoint.tokenizer;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Tokens of GGUF vocabularies whose text ends a turn: llama.cpp's end-of-generation tokens, without
 * those for file separators and code infilling.
 */
public final class TurnEnds {
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

  private TurnEnds() {}

  /** Returns whether a token with that text ends turns in most vocabularies. */
  static boolean isOne(Object text) {
    return TEXTS.contains(text);
  }

  /** Returns the ids of the turn ends among {@code tokens}, which are in the order of their ids. */
  public static Set<Integer> ids(List<?> tokens) {
    Map<Object, Integer> found = new HashMap<>();
    for (int id = 0; id < tokens.size(); id++) {
      if (isOne(tokens.get(id))) {
        found.put(tokens.get(id), id);
      }
    }
    Set<Object> texts = found.keySet();
    boolean harmony = texts.containsAll(Set.of("<|return|>", "<|call|>"));
    boolean solar =
        texts.contains("<|flush|>") && (texts.contains("<|call|>") || texts.contains("<|calls|>"));
    if (harmony || solar) {
      texts.remove("<|end|>"); // ends a message of several there
    }
    if (texts.contains("<|tool_response>")) {
      texts.remove("</s>"); // a tag of HTML there
    }
    return new HashSet<>(found.values());
  }
}
