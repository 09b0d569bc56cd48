package io.calm.kernels;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.stream.Stream;

/** The native kernel variants that this machine can test. */
public final class NativeVariants {
  private NativeVariants() {}

  /** Says once a process what is not run. */
  private static final class Here {
    static final List<KernelVariant> VARIANTS = find();

    private static List<KernelVariant> find() {
      List<KernelVariant> variants = KernelVariants.ofThisMachine().all();
      for (KernelVariant variant : variants) {
        variant
            .missing()
            .ifPresent(why -> System.out.println(variant.name() + ": not run: " + why));
      }
      return variants.stream().filter(variant -> variant.missing().isEmpty()).toList();
    }
  }

  /** Returns what this processor runs; without a library, the test is skipped with the reason. */
  public static Stream<KernelVariant> here() {
    KernelVariants variants = KernelVariants.ofThisMachine();
    assumeTrue(variants.problem().isEmpty(), () -> "skipped: " + variants.problem().orElseThrow());
    return Here.VARIANTS.stream();
  }
}
