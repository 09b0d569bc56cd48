package io.calm.checkpoint.hf;

import io.calm.checkpoint.GenerationDefaults;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Reads generation defaults from generation_config.json, with BOS from config.json as a fallback.
 * Every end-of-sequence token in these files and in the tokenizer's ends a generation, since chat
 * models often list the end of a turn in one file and the end of a document in another.
 */
final class HfGeneration {
  private HfGeneration() {}

  /**
   * Reads the defaults. A token id outside the vocabulary is none, e.g. -1, or that of a model
   * which was made smaller.
   *
   * @param tokens texts of special tokens by name, e.g. {@code eos_token}
   * @param vocabulary number of tokens
   */
  static GenerationDefaults read(
      ConfigFields generation, ConfigFields config, Map<String, String> tokens, int vocabulary) {
    Set<Integer> ends = new HashSet<>(generation.tokenIds("eos_token_id", vocabulary));
    ends.addAll(config.tokenIds("eos_token_id", vocabulary));
    String token = tokens.get("eos_token");
    return new GenerationDefaults(
        Stream.of(generation, config)
            .flatMapToInt(file -> file.tokenId("bos_token_id", vocabulary).stream())
            .findFirst(),
        ends,
        token == null || token.isEmpty() ? Set.of() : Set.of(token),
        generation.number("temperature"),
        generation.number("top_p"),
        topK(generation),
        generation.number("min_p"),
        generation.number("repetition_penalty"));
  }

  /** Reads {@code top_k}, which is -1 for no limit in some files. */
  private static OptionalInt topK(ConfigFields generation) {
    OptionalDouble value = generation.number("top_k");
    return value.isPresent() ? OptionalInt.of((int) value.getAsDouble()) : OptionalInt.empty();
  }
}
