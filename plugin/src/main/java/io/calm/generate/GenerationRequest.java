package io.calm.generate;

import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;

/**
 * One sequence to generate.
 *
 * @param prompt token ids, at least one; not copied
 * @param endOfSequence ids that end the answer; ignored with {@link SamplingParameters#ignoreEos}
 * @param promptScores present: score the prompt's tokens, with so many alternatives each
 * @param text this sequence's own decoder
 * @param listener receives the events
 * @param deadline maximum time from submission to the end; empty for no limit
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once and never compared
public record GenerationRequest(
    int[] prompt,
    SamplingParameters parameters,
    Set<Integer> endOfSequence,
    OptionalInt promptScores,
    TextDecoder text,
    GenerationListener listener,
    Optional<Duration> deadline) {

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
    if (deadline.isPresent() && deadline.get().isNegative()) {
      throw new IllegalArgumentException(
          "deadline: expected no negative time, got %s".formatted(deadline.get()));
    }
    endOfSequence = Set.copyOf(endOfSequence);
  }

  /** Returns the most keys and values the sequence will hold; the last token's are never needed. */
  int capacity() {
    return prompt.length + Math.max(0, parameters.maxNewTokens() - 1);
  }
}
