package io.calm.checkpoint;

import io.calm.text.Printable;
import java.util.HashSet;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model's defaults for generation, from {@code generation_config.json}, {@code config.json} and
 * {@code tokenizer_config.json}, or from GGUF metadata.
 *
 * @param bos id of the token that begins a sequence; empty if the model has none
 * @param endOfSequence ids of the tokens that end a generation; may be empty
 * @param endTokens texts of further end tokens; {@link #resolved} replaces them by ids
 * @param temperature as in transformers, like the parameters that follow it; empty if not given
 */
public record GenerationDefaults(
    OptionalInt bos,
    Set<Integer> endOfSequence,
    Set<String> endTokens,
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

  /** Creates defaults with all end tokens given as ids. */
  public GenerationDefaults(
      OptionalInt bos,
      Set<Integer> endOfSequence,
      OptionalDouble temperature,
      OptionalDouble topP,
      OptionalInt topK,
      OptionalDouble minP,
      OptionalDouble repetitionPenalty) {
    this(bos, endOfSequence, Set.of(), temperature, topP, topK, minP, repetitionPenalty);
  }

  /** Returns a copy with every end token as an id; logs a warning for each unknown token. */
  public GenerationDefaults resolved(Tokenizer tokenizer) {
    Set<Integer> ends = new HashSet<>(endOfSequence);
    for (String token : endTokens) {
      OptionalInt id = tokenizer.id(token);
      if (id.isPresent()) {
        ends.add(id.getAsInt());
      } else {
        logger.warn(
            "ignoring eos_token \"{}\": the tokenizer has no such token", Printable.of(token));
      }
    }
    return new GenerationDefaults(bos, ends, temperature, topP, topK, minP, repetitionPenalty);
  }
}
