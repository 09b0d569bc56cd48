package io.calm.checkpoint;

import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Defaults of generation from {@code generation_config.json}, {@code config.json} or GGUF metadata.
 *
 * @param bos token that starts a sequence; not every model has one
 * @param endOfSequence ids that end a generation; may be empty
 */
public record GenerationDefaults(
    OptionalInt bos,
    Set<Integer> endOfSequence,
    boolean doSample,
    OptionalDouble temperature,
    OptionalDouble topP,
    OptionalInt topK,
    OptionalDouble minP,
    OptionalDouble repetitionPenalty) {

  public GenerationDefaults {
    endOfSequence = Set.copyOf(endOfSequence);
  }
}
