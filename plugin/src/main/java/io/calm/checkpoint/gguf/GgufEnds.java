package io.calm.checkpoint.gguf;

import io.calm.checkpoint.tokenizer.TurnEnds;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The tokens that end a generation of a GGUF model: its EOS, EOT and EOM, and tokens whose text
 * ends a turn, as in llama.cpp. Many files name only the end of a document.
 */
final class GgufEnds {
  private GgufEnds() {}

  static Set<Integer> read(GgufKeys keys, int vocabulary) {
    Set<Integer> ends = new HashSet<>();
    for (String key : List.of("eos", "eot", "eom")) {
      id(keys, key, vocabulary).ifPresent(ends::add);
    }
    if (keys.value("tokenizer.ggml.tokens").orElse(List.of()) instanceof List<?> tokens) {
      ends.addAll(TurnEnds.ids(tokens.subList(0, Math.min(vocabulary, tokens.size()))));
    }
    return ends;
  }

  /**
   * Reads a special token's id; empty if it is outside the vocabulary, which some files use for
   * none.
   */
  static OptionalInt id(GgufKeys keys, String name, int vocabulary) {
    double id = keys.number("tokenizer.ggml.%s_token_id".formatted(name)).orElse(-1);
    return id >= 0 && id < vocabulary ? OptionalInt.of((int) id) : OptionalInt.empty();
  }
}
