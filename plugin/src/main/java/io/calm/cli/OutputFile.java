package io.calm.cli;

import java.nio.file.Files;
import java.nio.file.Path;

/** Checks a file that a command writes at its end, before a long run. */
final class OutputFile {
  private OutputFile() {}

  /**
   * Requires a file in an existing directory.
   *
   * @param option of the command, for the message
   */
  static void require(String option, Path file) {
    Path directory = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file) || directory == null || !Files.isDirectory(directory)) {
      throw new IllegalArgumentException(
          "%s: expected a file in an existing directory, got %s; %s"
              .formatted(
                  option,
                  file,
                  Files.isDirectory(file) ? "name a file in it" : "create the directory"));
    }
  }
}
