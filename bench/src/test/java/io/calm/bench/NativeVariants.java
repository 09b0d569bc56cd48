package io.calm.bench;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.KernelVariants;
import java.util.Optional;

/** The native kernels of this machine, for tests that need them. */
final class NativeVariants {
  private NativeVariants() {}

  /** Returns the best kernel variant; skips the test if there is none. */
  static KernelVariant assumeBest(Class<?> test) {
    Optional<KernelVariant> best = KernelVariants.ofThisMachine().best();
    if (best.isEmpty()) {
      System.out.printf("SKIPPED %s: no native kernels%n", test.getSimpleName());
    }
    assumeTrue(best.isPresent(), "no native kernels");
    return best.orElseThrow();
  }
}
