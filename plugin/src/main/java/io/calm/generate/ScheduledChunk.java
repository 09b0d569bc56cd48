package io.calm.generate;

import io.calm.runtime.Decoder.Chunk;

/** What one sequence does in a step. */
sealed interface Work {
  ActiveSequence sequence();

  Chunk chunk();

  /**
   * Reads a piece of the prompt, or of prompt and answer where they are computed once more.
   *
   * @param last whether the sequence's next token comes of it
   */
  record Prefill(ActiveSequence sequence, Chunk chunk, boolean last) implements Work {}

  /** Reads the token that was generated last, and generates the next. */
  record Decode(ActiveSequence sequence, Chunk chunk) implements Work {}
}
