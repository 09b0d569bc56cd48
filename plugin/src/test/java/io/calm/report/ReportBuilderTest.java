package io.calm.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.KernelVariants;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReportBuilderTest {
  @TempDir Path cache;

  private String kernels(String key, String value) {
    Map<String, String> settings = Map.of("calm.cache-dir", cache.toString(), key, value);
    return new ReportBuilder(ExampleReports.source(cache, "m", settings))
        .build(Instant.EPOCH)
        .origin()
        .machine()
        .kernel();
  }

  @ParameterizedTest
  @CsvSource({
    "calm.kernel, scalar, scalar",
    "calm.kernel, neon-dotprod, neon-dotprod",
    "calm.kernel, java, java",
    "calm.backend, java, java",
  })
  void theMachineHasTheKernelsThatAreSet(String key, String value, String kernels) {
    assertEquals(kernels, kernels(key, value));
  }

  @Test
  void theMachineHasItsBestKernelsIfNoneAreSet() {
    String best = KernelVariants.ofThisMachine().best().map(KernelVariant::name).orElse("java");
    assertEquals(best, kernels("calm.kernel", "auto"));
    assertEquals(best, kernels("calm.backend", "pytorch"));
  }
}
