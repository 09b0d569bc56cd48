package io.calm.checkpoint.gguf;

import io.calm.checkpoint.tokenizer.TurnEnds;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The tokens that end a generation of a GGUF model: the EOS, EOT and EOM that it names, and those
 * that are turn ends by their text, as in llama.cpp. Many files name the end of a document alone.
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

  /** Reads a special token; files without one may have a number outside the vocabulary. */
  static OptionalInt id(GgufKeys keys, String name, int vocabulary) {
    double id = keys.number("tokenizer.ggml.%s_token_id".formatted(name)).orElse(-1);
    return id >= 0 && id < vocabulary ? OptionalInt.of((int) id) : OptionalInt.empty();
  }
}
