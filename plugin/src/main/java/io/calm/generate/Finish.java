package io.calm.generate;

import java.time.Duration;
import java.util.Optional;

/**
 * How a generation ended.
 *
 * @param error what went wrong; present exactly where the reason is {@link Reason#ERROR}
 * @param text the whole answer, without the stop string
 */
public record Finish(
    Reason reason, Optional<String> error, String text, Usage usage, Timing timing) {

  /** Why it ended. */
  public enum Reason {
    /** {@code max_new_tokens} were generated. */
    LENGTH,
    /** The model generated an end-of-sequence token, which counts as a generated token. */
    EOS_TOKEN,
    /** The text contained a stop string. */
    STOP_SEQUENCE,
    /** The time that the request was given is over; the text is what there was by then. */
    DEADLINE,
    /** The decoder or the receiver of the events failed. */
    ERROR,
    /** The client went away, or the model was closed. */
    CANCELLED
  }

  /** Tokens that were read and generated. */
  public record Usage(int promptTokens, int generatedTokens) {}

  /**
   * Durations since the request was submitted.
   *
   * @param queued until the first step; {@code total} where there was none
   * @param firstToken until the first token; empty where there was none
   */
  public record Timing(Duration queued, Optional<Duration> firstToken, Duration total) {}
}
