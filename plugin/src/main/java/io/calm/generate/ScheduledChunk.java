package io.calm.generate;

import io.calm.runtime.Decoder.Chunk;

/** The part of a step that computes tokens of one sequence. */
sealed interface ScheduledChunk {
  ActiveSequence sequence();

  Chunk chunk();

  /**
   * A chunk of the prompt, or of prompt and answer when they are recomputed after a preemption.
   *
   * @param last whether the chunk ends with the sequence's last token, so that the next token can
   *     be sampled
   */
  record Prefill(ActiveSequence sequence, Chunk chunk, boolean last) implements ScheduledChunk {}

  /** The last generated token, from which the next one is sampled. */
  record Decode(ActiveSequence sequence, Chunk chunk) implements ScheduledChunk {}
}
