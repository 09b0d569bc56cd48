package io.calm.kernels;

import java.util.Optional;

/**
 * A set of kernels compiled for one instruction set.
 *
 * @param index position in the native table; a higher one is faster
 * @param name the value of {@code calm.kernel} that selects it
 * @param missing the reason why this processor cannot run it; empty if it can
 */
public record KernelVariant(int index, String name, Optional<String> missing) {

  /** Returns whether this processor can run it. */
  public boolean runs() {
    return missing.isEmpty();
  }
}
