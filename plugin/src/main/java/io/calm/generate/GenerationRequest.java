package io.calm.generate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * A request to generate one sequence.
 *
 * @param prompt token ids, at least one; not copied
 * @param endOfSequence ids that end the answer
 * @param promptScores number of alternatives to report with each prompt token; empty to score no
 *     prompt tokens
 * @param text converts this sequence's tokens to text
 * @param listener receives the events
 * @param timeout maximum time from submission to the end; empty for no limit
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once and never compared
public record GenerationRequest(
    int[] prompt,
    SamplingParameters parameters,
    Set<Integer> endOfSequence,
    OptionalInt promptScores,
    TextDecoder text,
    GenerationListener listener,
    Optional<Duration> timeout) {

  public GenerationRequest {
    if (prompt.length == 0) {
      throw new IllegalArgumentException(
          "prompt: expected at least one token, got none; this model adds no token of its own");
    }
    if (promptScores.isPresent()) {
      int count = promptScores.getAsInt();
      if (count < 0 || count > SamplingParameters.MAX_LOGPROBS) {
        throw new IllegalArgumentException(
            "promptScores: expected 0 to %d, got %d"
                .formatted(SamplingParameters.MAX_LOGPROBS, count));
      }
    }
    if (timeout.isPresent() && timeout.get().isNegative()) {
      throw new IllegalArgumentException(
          "timeout: must not be negative, got %s".formatted(timeout.get()));
    }
    endOfSequence = Set.copyOf(endOfSequence);
  }

  /** Returns the maximum number of stored tokens; the last generated token is never stored. */
  int capacity() {
    return prompt.length + Math.max(0, parameters.maxNewTokens() - 1);
  }
}
