package io.calm.compare;

import java.util.function.BooleanSupplier;

/** The end of a measurement because the processor is needed. */
final class StoppedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  StoppedException() {
    super("stopped", null, false, false);
  }

  static void throwIf(BooleanSupplier busy) {
    if (busy.getAsBoolean()) {
      throw new StoppedException();
    }
  }
}
