package io.calm.runtime;

import java.util.Set;

/**
 * A step could not be done for some of its chunks: they met a number that is not finite, and the
 * message names block and linear, or there is no memory for a block of theirs.
 */
public final class StepFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Integer> failed;
  private final transient Set<Integer> withoutMemory;

  /** Names the chunks whose numbers are not finite. */
  public StepFailedException(String message, Set<Integer> failed) {
    this(message, failed, Set.of());
  }

  /** Names the chunks that have blocks for which there is no memory, and these. */
  public StepFailedException(String message, Set<Integer> failed, Set<Integer> withoutMemory) {
    super(message);
    this.failed = Set.copyOf(failed);
    this.withoutMemory = Set.copyOf(withoutMemory);
  }

  /** Returns the indexes of the chunks whose sequences must be ended; all others can go on. */
  public Set<Integer> failed() {
    return failed;
  }

  /** Returns the ids of the blocks for which there is no memory; empty where that was not it. */
  public Set<Integer> withoutMemory() {
    return withoutMemory;
  }
}
