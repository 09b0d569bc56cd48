package io.calm.checkpoint;

import io.calm.text.Printable;
import java.util.HashSet;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Defaults of generation from {@code generation_config.json}, {@code config.json} and {@code
 * tokenizer_config.json}, or from GGUF metadata.
 *
 * @param bos token that starts a sequence; not every model has one
 * @param endOfSequence ids that end a generation; may be empty
 * @param endTokens spellings of further end tokens; {@link #resolved} turns them into ids
 */
public record GenerationDefaults(
    OptionalInt bos,
    Set<Integer> endOfSequence,
    Set<String> endTokens,
    boolean doSample,
    OptionalDouble temperature,
    OptionalDouble topP,
    OptionalInt topK,
    OptionalDouble minP,
    OptionalDouble repetitionPenalty) {
  private static final Logger logger = LoggerFactory.getLogger(GenerationDefaults.class);

  public GenerationDefaults {
    endOfSequence = Set.copyOf(endOfSequence);
    endTokens = Set.copyOf(endTokens);
  }

  /** Creates defaults whose end tokens are all given by id. */
  public GenerationDefaults(
      OptionalInt bos,
      Set<Integer> endOfSequence,
      boolean doSample,
      OptionalDouble temperature,
      OptionalDouble topP,
      OptionalInt topK,
      OptionalDouble minP,
      OptionalDouble repetitionPenalty) {
    this(bos, endOfSequence, Set.of(), doSample, temperature, topP, topK, minP, repetitionPenalty);
  }

  /** Returns a copy with every end token as an id; logs a warning for unknown spellings. */
  public GenerationDefaults resolved(Tokenizer tokenizer) {
    Set<Integer> ends = new HashSet<>(endOfSequence);
    for (String token : endTokens) {
      OptionalInt id = tokenizer.id(token);
      if (id.isPresent()) {
        ends.add(id.getAsInt());
      } else {
        logger.warn("eos_token \"{}\" is no token of the tokenizer", Printable.of(token));
      }
    }
    return new GenerationDefaults(
        bos, ends, doSample, temperature, topP, topK, minP, repetitionPenalty);
  }
}
