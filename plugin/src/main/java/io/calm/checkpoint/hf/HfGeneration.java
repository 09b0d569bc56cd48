package io.calm.checkpoint.hf;

import io.calm.checkpoint.GenerationDefaults;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Generation defaults: generation_config.json, and for its missing tokens config.json. */
final class HfGeneration {
  private HfGeneration() {}

  static GenerationDefaults read(JsonFields generation, JsonFields config) {
    OptionalInt bos = generation.integer("bos_token_id");
    List<Integer> ends = generation.integers("eos_token_id");
    return new GenerationDefaults(
        bos.isPresent() ? bos : config.integer("bos_token_id"),
        new HashSet<>(ends.isEmpty() ? config.integers("eos_token_id") : ends),
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
