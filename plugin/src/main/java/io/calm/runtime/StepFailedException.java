package io.calm.runtime;

import java.util.Set;

/** Reports that a decoder step computed a non-finite number; the message names block and linear. */
public final class StepFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Integer> failed;

  public StepFailedException(String message, Set<Integer> failed) {
    super(message);
    this.failed = Set.copyOf(failed);
  }

  /** Returns the indexes of the chunks whose sequences must end; all others can continue. */
  public Set<Integer> failed() {
    return failed;
  }
}
