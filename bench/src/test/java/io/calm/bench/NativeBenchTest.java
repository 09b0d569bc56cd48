package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.NativeKernels;
import io.calm.tensor.QuantizedLinear;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NativeBenchTest {
  private List<KernelVariant> variants = List.of();

  @BeforeEach
  void findVariants() {
    Optional<String> problem = KernelVariants.ofThisMachine().problem();
    if (problem.isPresent()) {
      System.out.println("SKIPPED NativeBenchTest: " + problem.get());
    }
    assumeTrue(problem.isEmpty(), () -> problem.orElse(""));
    variants =
        KernelVariants.ofThisMachine().all().stream()
            .filter(variant -> variant.missing().isEmpty())
            .toList();
  }

  @Test
  void everyVariantOfThisProcessorIsMeasured() {
    QuantizedLinear ring = RandomWeights.linear(2 * 48, 128, 64, new SplittableRandom(1));
    for (KernelVariant variant : variants) {
      for (int threads : List.of(1, 2)) {
        NativeBench bench = NativeBench.of(variant, threads);
        for (int rows : List.of(1, 3, 40)) {
          double seconds = bench.linearSeconds(ring, 48, 2, rows, 2);
          assertTrue(seconds > 0 && seconds < 60, () -> variant.name() + ": " + seconds + " s");
        }
        assertTrue(bench.integerPeak() >= 0, variant.name());
      }
    }
  }

  @Test
  void theReadLimitIsPositive() {
    NativeBench bench = NativeBench.of(variants.get(0), 2);
    assertTrue(bench.readBandwidth(RandomBytes.direct(1 << 20, new SplittableRandom(1)), 2) > 0);
  }

  @Test
  void anUnknownVariantIsRefused() {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> NativeBench.of(new KernelVariant(0, "none", Optional.empty()), 1))
            .getMessage();
    assertEquals(
        "/native/%s/libcalm-bench.so: no kernel variant none; build the jar again with mvn -B clean"
                .formatted(NativeKernels.system())
            + " package -DskipTests",
        message);
  }
}
