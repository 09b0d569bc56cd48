package io.calm.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.artifact.ArtifactKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Measurements in a cache: kept, replaced, merged, and ignored where they are damaged. */
class MeasurementsTest {
  private static final MeasuredValue VALUE = new MeasuredValue(1 / 3.0, Double.NaN);

  @TempDir Path cache;

  private Path file(ArtifactKey key) throws IOException {
    try (Stream<Path> files = Files.list(cache.resolve("measured").resolve(key.id()))) {
      return files.findFirst().orElseThrow();
    }
  }

  @Test
  void valuesComeBackBitForBit() {
    Measurements kept = new Measurements(cache);
    ArtifactKey key = ExampleReports.key();
    Measurement measurement = ExampleReports.text("\"<\n", "calm", Map.of("nll", VALUE));
    kept.keep(key, measurement);
    assertEquals(List.of(measurement), kept.of(key));
    assertEquals(List.of(), kept.of(Measurements.uniform(key, "rtn")));
    assertEquals(List.of(), kept.ofReference(key));
  }

  @Test
  void aLaterRunWithoutDivergenceKeepsTheEarlierDivergence() {
    Measurements kept = new Measurements(cache);
    ArtifactKey key = ExampleReports.key();
    kept.keep(key, ExampleReports.text("a", "calm", Map.of("nll", VALUE, "kl", VALUE)));
    MeasuredValue newer = new MeasuredValue(2, 0.5);
    kept.keep(key, ExampleReports.text("a", "calm", Map.of("nll", newer)));
    assertEquals(
        List.of(Map.of("nll", newer, "kl", VALUE)),
        kept.of(key).stream().map(Measurement::values).toList());
  }

  @Test
  void otherTextsAreKeptBesideIt() {
    Measurements kept = new Measurements(cache);
    ArtifactKey key = ExampleReports.key();
    kept.keep(key, ExampleReports.text("a", "calm", Map.of("nll", VALUE)));
    kept.keep(key, ExampleReports.text("b", "calm", Map.of("nll", VALUE)));
    assertEquals(2, kept.of(key).size());
  }

  @Test
  void aDamagedFileCountsAsMissingAndIsReplaced() throws IOException {
    Measurements kept = new Measurements(cache);
    ArtifactKey key = ExampleReports.key();
    Measurement measurement = ExampleReports.text("a", "calm", Map.of("nll", VALUE));
    kept.keep(key, measurement);
    Path file = file(key);
    String whole = Files.readString(file);
    for (String damage :
        List.of("", "{", "[]", "null", "{\"kind\": \"text\"}", whole.substring(40))) {
      Files.delete(file);
      Files.writeString(file, damage);
      assertEquals(List.of(), kept.of(key), damage);
      kept.keep(key, measurement);
      assertEquals(List.of(measurement), kept.of(key));
    }
    try (Stream<Path> files = Files.list(file.getParent())) {
      assertEquals(1, files.count(), "no temporary file is left");
    }
  }

  @Test
  void aCacheThatCannotBeWrittenCostsOnlyTheMeasurement() throws IOException {
    Path noDirectory = Files.writeString(cache.resolve("file"), "");
    Measurements kept = new Measurements(noDirectory);
    kept.keep(ExampleReports.key(), ExampleReports.text("a", "calm", Map.of("nll", VALUE)));
    assertEquals(List.of(), kept.of(ExampleReports.key()));
  }

  @Test
  void aSensitivityTableHoldsForEveryPlanOfItsGroupAndCalibration() {
    Measurements kept = new Measurements(cache);
    ArtifactKey key = ExampleReports.key();
    kept.keep(Measurements.uniform(key, "rtn"), 64, ExampleReports.sensitivity("text"));
    assertEquals(List.of(ExampleReports.sensitivity("text")), kept.sensitivity(key, 64));
    assertEquals(List.of(), kept.sensitivity(key, 32));
    ArtifactKey other = new ArtifactKey(key.modelDigests(), key.settings(), "self");
    assertEquals(List.of(), kept.sensitivity(other, 64));
  }

  @Test
  void scoresStandBesideThoseOfFullPrecisionAndUniformPlans() {
    ExampleReports.measure(cache, "text");
    Report report = ExampleReports.source(cache, "word").report();
    assertEquals(
        List.of("reference", "served", "uniform"),
        report.texts().get(0).precisions().stream().map(Report.Scores::role).toList());
    assertEquals(1, report.texts().size());
    assertEquals(1, report.tasks().size());
    assertEquals(
        new MeasuredValue(0.1875, 0.0625),
        report.sensitivity().orElseThrow().blocks().get(0).served().orElseThrow());
  }
}
