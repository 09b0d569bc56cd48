package io.calm.runtime;

import java.util.Set;

/**
 * Reports that there is no memory for a KV block that a step uses for the first time. Nothing was
 * computed and no block has changed. The step can be run again with blocks that have memory.
 */
public final class KvMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Integer> blocks;

  /**
   * Creates the exception.
   *
   * @param blocks ids of all blocks of the decoder that have no memory
   */
  public KvMemoryException(String message, Set<Integer> blocks, Throwable cause) {
    super(message, cause);
    this.blocks = Set.copyOf(blocks);
  }

  /** Returns the ids of all blocks that have no memory, including blocks not used by the step. */
  public Set<Integer> blocks() {
    return blocks;
  }
}
