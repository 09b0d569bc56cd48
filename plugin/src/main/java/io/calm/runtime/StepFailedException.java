package io.calm.runtime;

import java.util.Set;

/** A decoder step met a number that is not finite; the message names block and linear. */
public final class StepFailedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient Set<Decoder.Sequence> failed;

  public StepFailedException(String message, Set<Decoder.Sequence> failed) {
    super(message);
    this.failed = Set.copyOf(failed);
  }

  /** Returns the sequences that must be ended; all others can go on. */
  public Set<Decoder.Sequence> failed() {
    return failed;
  }
}
