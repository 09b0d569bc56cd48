package io.calm.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Temporary files of a benchmark, which a signal that ends the command deletes too. */
final class TemporaryFile {
  private TemporaryFile() {}

  /** Creates an empty file with a new name. */
  static Path create(String prefix, String suffix) throws IOException {
    Path file = Files.createTempFile(prefix, suffix);
    file.toFile().deleteOnExit();
    return file;
  }
}
