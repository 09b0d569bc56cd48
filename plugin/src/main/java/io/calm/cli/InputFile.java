package io.calm.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** Checks a file that a command reads. */
final class InputFile {
  private InputFile() {}

  /**
   * Requires a file that exists and is no directory.
   *
   * @param option of the command, for the message
   */
  static void require(String option, Path file) {
    if (Files.isDirectory(file)) {
      throw new IllegalArgumentException(
          "%s: expected a file, got the directory %s; name a file in it".formatted(option, file));
    }
    if (!Files.exists(file)) {
      throw new IllegalArgumentException(
          "%s: expected a file, got %s: no such file or directory; correct the path"
              .formatted(option, file));
    }
  }
}
