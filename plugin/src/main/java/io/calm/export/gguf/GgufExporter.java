package io.calm.export.gguf;

import io.calm.checkpoint.Checkpoint;
import io.calm.export.ExportException;
import io.calm.export.ExportOutput;
import io.calm.export.ExportProgress;
import io.calm.export.ExportedModel;
import io.calm.export.Exporter;
import java.io.IOException;
import java.nio.file.Path;

/** Writes a model as one GGUF file. */
public final class GgufExporter implements Exporter {

  @Override
  public ExportOutput.Kind output() {
    return ExportOutput.Kind.FILE;
  }

  @Override
  public void requireSupported(Checkpoint checkpoint) {
    throw new ExportException("gguf: this build cannot write the format");
  }

  @Override
  public void write(ExportedModel model, Path out, ExportProgress progress) throws IOException {
    requireSupported(model.checkpoint());
  }
}
