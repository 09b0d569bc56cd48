package io.calm.checkpoint.hf;

import io.calm.checkpoint.GenerationDefaults;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Generation defaults: generation_config.json, and for its missing BOS config.json. A generation
 * ends with any end-of-sequence token that one of the files names, the tokenizer's included: chat
 * models often have the end of a turn in one and the end of a document in another.
 */
final class HfGeneration {
  private HfGeneration() {}

  /**
   * Reads the defaults.
   *
   * @param tokens spellings of special tokens by name, e.g. {@code eos_token}
   */
  static GenerationDefaults read(
      JsonFields generation, JsonFields config, Map<String, String> tokens) {
    OptionalInt bos = generation.integer("bos_token_id");
    Set<Integer> ends = new HashSet<>(generation.integers("eos_token_id"));
    ends.addAll(config.integers("eos_token_id"));
    String token = tokens.get("eos_token");
    return new GenerationDefaults(
        bos.isPresent() ? bos : config.integer("bos_token_id"),
        ends,
        token == null || token.isEmpty() ? Set.of() : Set.of(token),
        generation.flag("do_sample").orElse(false),
        generation.number("temperature"),
        generation.number("top_p"),
        topK(generation),
        generation.number("min_p"),
        generation.number("repetition_penalty"));
  }

  /** Reads {@code top_k}, where some files write -1 for none. */
  private static OptionalInt topK(JsonFields generation) {
    OptionalDouble value = generation.number("top_k");
    return value.isPresent() ? OptionalInt.of((int) value.getAsDouble()) : OptionalInt.empty();
  }
}
