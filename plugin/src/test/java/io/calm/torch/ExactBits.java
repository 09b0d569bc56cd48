package io.calm.torch;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Set;

/** The platform on which the PyTorch decoder was found to have the bits of the Java decoder. */
public final class ExactBits {
  private static final Set<String> X86_64 = Set.of("amd64", "x86_64");

  private ExactBits() {}

  /** Skips a test of exact bits on a processor on which they were not tested. */
  public static void assume() {
    String arch = System.getProperty("os.arch", "");
    assumeTrue(
        X86_64.contains(arch),
        () -> "exact bits of PyTorch's operators were tested on x86-64 only, not on " + arch);
  }
}
