package io.calm.runtime;

import java.util.Set;

/** A decoder step met a number that is not finite; the message names block and linear. */
public final class StepFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Integer> failed;

  public StepFailedException(String message, Set<Integer> failed) {
    super(message);
    this.failed = Set.copyOf(failed);
  }

  /** Returns the indexes of the chunks whose sequences must be ended; all others can go on. */
  public Set<Integer> failed() {
    return failed;
  }
}
