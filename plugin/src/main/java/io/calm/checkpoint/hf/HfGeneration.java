package io.calm.checkpoint.hf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.model.SamplingRange;
import io.calm.text.Printable;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads generation defaults from generation_config.json, with BOS from config.json as a fallback.
 * Every end-of-sequence token in these files and in the tokenizer's ends a generation, since chat
 * models often list the end of a turn in one file and the end of a document in another.
 */
final class HfGeneration {
  private static final Logger logger = LoggerFactory.getLogger(HfGeneration.class);

  private static final String TOP_K = "top_k";

  /** Maximum length of the file and the key in a message. */
  private static final int MAX_WHERE = 1000;

  private HfGeneration() {}

  /**
   * Reads the defaults. A token id outside the vocabulary is none, e.g. -1, or that of a model
   * which was made smaller.
   *
   * <p>The ranges of the other values are those of requests; {@code top_k} is -1 for no limit in
   * some files. A value outside its range is logged as a warning and is no default.
   *
   * @param tokens texts of special tokens by name, e.g. {@code eos_token}
   * @param vocabulary number of tokens
   * @throws CheckpointException if a value has the wrong type
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
        topK(generation),
        number(generation, SamplingRange.MIN_P),
        number(generation, SamplingRange.REPETITION_PENALTY));
  }

  /** Reads a number; one outside the range that a request may set it to is no default. */
  private static OptionalDouble number(ConfigFields generation, SamplingRange range) {
    OptionalDouble value = generation.number(range.key());
    if (value.isPresent() && !range.contains(value.getAsDouble())) {
      ignored(generation, range.key(), value.getAsDouble(), range.toString());
      return OptionalDouble.empty();
    }
    return value;
  }

  /** Reads {@code top_k}; a number that no request may send is no default. */
  private static OptionalInt topK(ConfigFields generation) {
    OptionalDouble value = generation.number(TOP_K);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    double number = value.getAsDouble();
    if (number != Math.rint(number) || number < -1 || number > Integer.MAX_VALUE) {
      ignored(generation, TOP_K, number, "a whole number from -1 to 2147483647");
      return OptionalInt.empty();
    }
    return OptionalInt.of((int) number);
  }

  private static void ignored(ConfigFields file, String key, double value, String range) {
    logger.warn(
        "{}: expected {}, got {}; it is not used as a default: correct the file",
        Printable.of(file.where(key), MAX_WHERE),
        range,
        SamplingRange.plain(value));
  }
}
