package io.calm.cli;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A file that a command writes at its end. It is checked before a long run. */
public final class OutputFile {
  private OutputFile() {}

  /**
   * Requires a file in an existing directory that can be written.
   *
   * @param option of the command, for the message
   */
  public static void require(String option, Path file) {
    Path directory = file.toAbsolutePath().getParent();
    if (Files.isDirectory(file) || directory == null || !Files.isDirectory(directory)) {
      throw new IllegalArgumentException(
          "%s: expected a file in an existing directory, got %s; %s"
              .formatted(
                  option,
                  file,
                  Files.isDirectory(file) ? "name a file in it" : "create the directory"));
    }
    if (!Files.isWritable(Files.exists(file) ? file : directory)) {
      throw new IllegalArgumentException(
          "%s: expected a file that can be written, got %s: permission denied; name another file"
              .formatted(option, file));
    }
  }

  /**
   * Writes a text.
   *
   * @throws IOException as {@link #failure}
   */
  public static void write(String option, Path file, String text) throws IOException {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw failure(option, file, e);
    }
  }

  /**
   * Returns the failure to write a file with its name, which that of a full disk lacks. Deletes the
   * file if it was opened, because it is incomplete.
   */
  static IOException failure(String option, Path file, IOException cause) {
    if (cause instanceof FileSystemException) { // of opening it
      return cause;
    }
    try {
      if (Files.isRegularFile(file)) { // and not a device
        Files.delete(file);
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
    return new IOException(
        "%s: expected to write %s, got: %s; free space, or name another file"
            .formatted(option, file, cause.getMessage()),
        cause);
  }
}
