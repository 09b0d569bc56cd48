package io.calm.runtime;

import java.util.Set;

/**
 * There is no memory for a block that a step names first. Nothing was computed: what all blocks
 * held is as it was, and the step can be made again with blocks that were used before.
 */
public final class KvMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Integer> blocks;

  /** Names all blocks of the decoder that have no memory. */
  public KvMemoryException(String message, Set<Integer> blocks, Throwable cause) {
    super(message, cause);
    this.blocks = Set.copyOf(blocks);
  }

  /** Returns the ids of all blocks that have no memory yet, those of no step included. */
  public Set<Integer> blocks() {
    return blocks;
  }
}
