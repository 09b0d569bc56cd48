package io.calm.report;

import io.calm.artifact.ArtifactKey;
import io.calm.artifact.MeasuredFiles;
import io.calm.search.SensitivityTable;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/** The measurements in a cache that a report shows. */
public final class Measurements {
  private static final String EVAL = "eval";
  private static final String SENSITIVITY = "sensitivity";
  private static final String ALGORITHM = "calm.algorithm=";

  /** Settings that change a plan, but not the impact of an algorithm on a block. */
  private static final List<String> OF_PLANS =
      List.of(
          ALGORITHM,
          "calm.pool=",
          "calm.search.metric=",
          "calm.search.reference=",
          "calm.search.guard=",
          "calm.search.granularity=");

  private final MeasuredFiles files;

  public Measurements(Path cacheDir) {
    this.files = new MeasuredFiles(cacheDir);
  }

  /** Keeps a measurement of an artifact. Values that only an earlier one has stay. */
  public void keep(ArtifactKey key, Measurement measurement) {
    keep(key.id(), measurement);
  }

  /** Keeps a measurement of the full-precision model. */
  public void keepReference(ArtifactKey key, Measurement measurement) {
    keep(reference(key), measurement);
  }

  private void keep(String subject, Measurement measurement) {
    Measurement all =
        files
            .find(subject, EVAL, measurement.identity(), Measurement.class)
            .map(measurement::with)
            .orElse(measurement);
    files.keep(subject, EVAL, measurement.identity(), all);
  }

  /** Keeps a table, for any plan of the same model, group and calibration. */
  public void keep(ArtifactKey key, int group, SensitivityTable table) {
    String identity =
        "%s %s %s %d".formatted(table.blocks(), table.pool(), table.texts(), table.length());
    files.keep(ofBlocks(key, group), SENSITIVITY, identity, table);
  }

  List<Measurement> of(ArtifactKey key) {
    return files.all(key.id(), EVAL, Measurement.class);
  }

  List<Measurement> ofReference(ArtifactKey key) {
    return files.all(reference(key), EVAL, Measurement.class);
  }

  List<SensitivityTable> sensitivity(ArtifactKey key, int group) {
    return files.all(ofBlocks(key, group), SENSITIVITY, SensitivityTable.class);
  }

  /** Returns the key of the plan that uses one algorithm, with all other settings equal. */
  static ArtifactKey uniform(ArtifactKey key, String algorithm) {
    String settings =
        key.settings()
            .lines()
            .map(line -> line.startsWith(ALGORITHM) ? ALGORITHM + algorithm : line)
            .collect(Collectors.joining("\n"));
    return new ArtifactKey(key.modelDigests(), settings, key.calibration());
  }

  private static String reference(ArtifactKey key) {
    return new ArtifactKey(key.modelDigests(), "reference", "none").id();
  }

  private static String ofBlocks(ArtifactKey key, int group) {
    String settings =
        key.settings()
            .lines()
            .filter(line -> OF_PLANS.stream().noneMatch(line::startsWith))
            .filter(line -> !line.startsWith("calm.group="))
            .collect(Collectors.joining("\n"));
    return new ArtifactKey(
            key.modelDigests(), "sensitivity\n" + settings + "\ngroup=" + group, key.calibration())
        .id();
  }
}
