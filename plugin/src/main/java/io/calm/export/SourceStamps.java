package io.calm.export;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.SourceFiles;
import io.calm.files.FileStamp;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The source files of an export at its start. The files of configuration, tokenizer and template
 * are read by name at its end, perhaps hours later.
 */
public final class SourceStamps {
  private final Checkpoint checkpoint;
  private final Map<Path, Optional<FileStamp>> stamps = new LinkedHashMap<>();

  private SourceStamps(Checkpoint checkpoint) throws IOException {
    this.checkpoint = checkpoint;
    List<Path> files =
        checkpoint.source() instanceof SourceFiles.Directory directory
            ? directory.tokenizerFiles()
            : List.of(); // GGUF has all in one file
    for (Path file : files) {
      stamps.put(file, stamp(file));
    }
  }

  /** Returns the stamps of a checkpoint that was just opened. */
  public static SourceStamps of(Checkpoint checkpoint) throws IOException {
    return new SourceStamps(checkpoint);
  }

  private static Optional<FileStamp> stamp(Path file) throws IOException {
    return Files.exists(file) ? Optional.of(FileStamp.of(file)) : Optional.empty();
  }

  /**
   * Requires that the files are those of the start, so that an output is not of two versions.
   *
   * @throws ExportException if a file of tokenizer or template was changed, added or deleted
   * @throws io.calm.checkpoint.CheckpointException if another file of the model was
   */
  public void requireUnchanged() throws IOException {
    checkpoint.requireUnchanged();
    for (Map.Entry<Path, Optional<FileStamp>> entry : stamps.entrySet()) {
      if (!stamp(entry.getKey()).equals(entry.getValue())) {
        throw ExportException.refused(
            entry.getKey().toString(),
            "the file of the export's start",
            "a file that was changed, added or deleted meanwhile",
            "export again when nothing writes the model's files");
      }
    }
  }
}
