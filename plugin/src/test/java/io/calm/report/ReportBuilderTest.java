package io.calm.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.calm.files.PrivateFiles;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.KernelVariants;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
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

  /** A key of the artifact that is {@code auto} has a meaning, which a reader wants to see. */
  @Test
  void everyAutoThatChangesTheResultHasItsMeaning() {
    Report report = new ReportBuilder(ExampleReports.source(cache, "m")).build(Instant.EPOCH);
    Map<String, String> meanings = new TreeMap<>();
    for (Report.Setting setting : report.settings()) {
      if (setting.changesResult() && setting.value().equals("auto")) {
        meanings.put(setting.key(), setting.resolved().orElse("missing"));
      }
    }
    assertFalse(meanings.containsValue("missing"), meanings.toString());
    assertEquals("255", meanings.get("calm.calibration.length"));
    assertEquals("quantized", meanings.get("calm.search.reference"));
  }

  /** The default pool has qep in place of gptq, but calm.baseline and --against take any name. */
  @Test
  void measurementsOfAUniformPlanOutsideThePoolAreShown() {
    new Measurements(cache)
        .keep(
            ExampleReports.key(),
            ExampleReports.text(
                "m", "uniform-awq", Map.of("perplexity", new MeasuredValue(34.5, 2.5))));
    for (String algorithm : List.of("smoothquant", "awq+qep")) {
      new Measurements(cache)
          .keep(
              Measurements.uniform(ExampleReports.key(), algorithm),
              ExampleReports.text(
                  "m", "uniform-" + algorithm, Map.of("perplexity", new MeasuredValue(36.5, 2.5))));
    }
    Report report = new ReportBuilder(ExampleReports.source(cache, "m")).build(Instant.EPOCH);
    assertEquals(
        List.of("uniform-awq", "uniform-smoothquant", "uniform-awq+qep"),
        report.texts().get(0).precisions().stream().map(Report.Scores::variant).toList());
  }

  @Test
  void aComparisonWithAPlanOutsideThePoolIsShown() throws Exception {
    assertEquals(Optional.empty(), latency());
    Path directory = PrivateFiles.directory(cache, "latency");
    for (String twin : List.of("uniform-qep", "uniform-awq+qep")) {
      Path file = directory.resolve(ExampleReports.key().id() + "-" + twin + ".json");
      Files.writeString(
          file,
          """
          {"machine": {"processor": "p", "processors": 2, "kernel": "avx2", "os": "Linux",
            "architecture": "amd64", "memory_bytes": 1, "jvm": "j"},
           "threads": 2, "weights": "copied", "version": "1.0",
           "finished": "2026-11-%sT00:00:00Z", "seconds": 1.5, "rows": []}
          """
              .formatted(twin.contains("+") ? "29" : "28"));
      PrivateFiles.seal(file);
    }
    Report.Latency newest = latency().orElseThrow();
    assertEquals("uniform-awq+qep", newest.baseline());
    assertFalse(newest.identical());
  }

  private Optional<Report.Latency> latency() throws Exception {
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwx------"));
    return new ReportBuilder(ExampleReports.source(cache, "m")).build(Instant.EPOCH).latency();
  }

  @Test
  void theMachineHasItsBestKernelsIfNoneAreSet() {
    String best = KernelVariants.ofThisMachine().best().map(KernelVariant::name).orElse("java");
    assertEquals(best, kernels("calm.kernel", "auto"));
    assertEquals(best, kernels("calm.backend", "pytorch"));
  }
}
