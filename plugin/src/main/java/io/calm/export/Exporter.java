package io.calm.export;

import io.calm.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Writes quantized models in the format of another engine. Immutable. */
public interface Exporter {

  /** Returns the kind of output that {@link #write} makes. */
  ExportOutput.Kind output();

  /**
   * Checks that the model can be written, before it is quantized.
   *
   * @throws ExportException if the format has no place for a part of the model
   */
  void requireSupported(Checkpoint checkpoint);

  /**
   * Writes a model. The caller publishes the output, or deletes it after a failure.
   *
   * @param out a file to create, or an empty directory to fill, as {@link #output} says
   * @throws ExportException if the format has no place for a part of the model
   * @throws IOException if the output cannot be written
   */
  void write(ExportedModel model, Path out, ExportProgress progress) throws IOException;

  /** Returns notes for the user about the use of the output, each one line. */
  default List<String> notes() {
    return List.of();
  }
}
