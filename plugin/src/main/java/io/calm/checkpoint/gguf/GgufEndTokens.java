package io.calm.checkpoint.gguf;

import io.calm.checkpoint.tokenizer.EndOfTurnTokens;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Reads the tokens that end a generation of a GGUF model, as llama.cpp does: EOS, EOT, EOM and
 * {@linkplain EndOfTurnTokens tokens with a known text}. Many files name only the end of a
 * document.
 */
final class GgufEndTokens {
  private GgufEndTokens() {}

  static Set<Integer> read(GgufKeys keys, int vocabulary) {
    Set<Integer> ends = new HashSet<>();
    for (String key : List.of("eos", "eot", "eom")) {
      id(keys, key, vocabulary).ifPresent(ends::add);
    }
    Object model = keys.value("tokenizer.ggml.model").orElse("");
    List<?> types = list(keys, "tokenizer.ggml.token_type");
    List<?> tokens = list(keys, "tokenizer.ggml.tokens");
    ends.addAll(
        EndOfTurnTokens.ids(
            tokens.subList(0, Math.min(vocabulary, tokens.size())),
            id -> id < types.size() && EndOfTurnTokens.isText(model, types.get(id))));
    return ends;
  }

  private static List<?> list(GgufKeys keys, String key) {
    return keys.value(key).orElse(null) instanceof List<?> list ? list : List.of();
  }

  /**
   * Reads the id of a special token; empty if it is outside the vocabulary, which means none in
   * some files.
   */
  static OptionalInt id(GgufKeys keys, String name, int vocabulary) {
    double id = keys.number("tokenizer.ggml.%s_token_id".formatted(name)).orElse(-1);
    return id >= 0 && id < vocabulary ? OptionalInt.of((int) id) : OptionalInt.empty();
  }
}
