package io.calm.generate;

import java.time.Duration;
import java.util.Optional;

/**
 * The end of a generation: its reason, usage and timing.
 *
 * @param error description of the failure; present if and only if the reason is {@link
 *     Reason#ERROR}
 */
public record Finish(Reason reason, Optional<String> error, Usage usage, Timing timing) {

  /** The reason for the end. */
  public enum Reason {
    /** {@code max_new_tokens} were generated. */
    LENGTH,
    /** The model generated an end-of-sequence token, which counts as a generated token. */
    EOS_TOKEN,
    /** The text contained a stop string. */
    STOP_SEQUENCE,
    /** The request timed out; its tokens are the answer so far. */
    DEADLINE,
    /** The decoder or the receiver of the events failed. */
    ERROR,
    /** The client cancelled the request or disconnected, or the model was closed. */
    CANCELLED
  }

  /** Numbers of prompt tokens and of generated tokens. */
  public record Usage(int promptTokens, int generatedTokens) {}

  /**
   * Durations since the request was submitted.
   *
   * @param queued until the sequence started; equals {@code total} if it never started
   */
  public record Timing(Duration queued, Duration total) {}
}
