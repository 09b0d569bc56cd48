package io.calm.export;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.quantize.QuantizedModelStore;
import io.calm.settings.CalmSettings;
import io.calm.testing.TestSettings;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * A quantized model for tests of exports.
 *
 * @param checkpoint the source
 * @param artifact its artifact
 */
public record Exports(Checkpoint checkpoint, Artifact artifact) implements AutoCloseable {

  /** Quantizes a model with RTN, or with the given settings. */
  public static Exports of(Path model, Path cache, String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.calibration.samples", "4");
    values.put("calm.calibration.length", "32");
    values.put("calm.algorithm", "rtn");
    values.put("calm.lm-head", "int8");
    Checkpoint checkpoint = Checkpoints.open(model);
    CalmSettings settings = TestSettings.of(values, keysAndValues);
    return new Exports(checkpoint, new QuantizedModelStore(settings).get(checkpoint, moment -> {}));
  }

  public ExportedModel model() {
    return new ExportedModel("a-name", checkpoint, artifact);
  }

  /** Writes the export and returns its path. */
  public Path write(Exporter exporter, Path out) throws IOException {
    exporter.requireSupported(checkpoint);
    try (ExportOutput output = ExportOutput.open(out, exporter.output())) {
      exporter.write(model(), output.path(), ExportProgress.NONE);
      output.publish();
    }
    return out;
  }

  @Override
  public void close() {
    artifact.close();
    checkpoint.close();
  }
}
