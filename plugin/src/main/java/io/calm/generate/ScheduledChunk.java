package io.calm.generate;

import io.calm.runtime.Decoder.Chunk;

/** The part of a step that computes tokens of one sequence. */
sealed interface ScheduledChunk {
  ActiveSequence sequence();

  Chunk chunk();

  /** Returns the number of predicted tokens in the chunk, which may turn out wrong. */
  default int predicted() {
    return 0;
  }

  /** Returns the number of tokens in the chunk that are known to be the sequence's. */
  default int known() {
    return chunk().tokens().length - predicted();
  }

  /**
   * A chunk of the prompt, or of prompt and answer when they are recomputed after a preemption.
   *
   * @param last whether the chunk ends with the sequence's last token, so that the next token can
   *     be sampled
   */
  record Prefill(ActiveSequence sequence, Chunk chunk, boolean last) implements ScheduledChunk {}

  /**
   * The last generated token, from which the next one is sampled, and predicted tokens after it to
   * verify.
   */
  record Decode(ActiveSequence sequence, Chunk chunk) implements ScheduledChunk {
    @Override
    public int predicted() {
      return chunk.tokens().length - 1;
    }
  }
}
