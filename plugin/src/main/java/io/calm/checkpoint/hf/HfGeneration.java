package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.model.SamplingRange;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalDouble;
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
   * <p>The ranges of the other values are those of requests; {@code top_k} is -1 for no limit in
   * some files.
   *
   * @param tokens texts of special tokens by name, e.g. {@code eos_token}
   * @param vocabulary number of tokens
   * @throws CheckpointException if a value has the wrong type or is outside its range
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
        number(generation, SamplingRange.TEMPERATURE),
        number(generation, SamplingRange.TOP_P),
        generation.integer("top_k", -1),
        number(generation, SamplingRange.MIN_P),
        number(generation, SamplingRange.REPETITION_PENALTY));
  }

  /** Reads a number in the range that a request may set it to. */
  private static OptionalDouble number(ConfigFields generation, SamplingRange range) {
    OptionalDouble value = generation.number(range.key());
    if (value.isPresent() && !range.contains(value.getAsDouble())) {
      throw CheckpointException.refused(
          generation.where(range.key()),
          range,
          value.getAsDouble(),
          "correct the file: it is the default of every request");
    }
    return value;
  }
}
