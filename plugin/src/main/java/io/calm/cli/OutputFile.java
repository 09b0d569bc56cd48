package io.calm.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
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
   * Writes a text in UTF-8.
   *
   * @throws IOException as {@link #write(String, Path, Content)}
   */
  public static void write(String option, Path file, String text) throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    write(option, file, out -> out.write(bytes));
  }

  /**
   * Writes a file. One that cannot be written to its end is deleted; behind a symbolic link, it is
   * emptied.
   *
   * @throws IOException as {@link #failure}
   */
  static void write(String option, Path file, Content content) throws IOException {
    OutputStream out;
    try {
      out = Files.newOutputStream(file);
    } catch (IOException e) {
      throw failure(option, file, e);
    }
    try (out) {
      content.writeTo(out);
    } catch (IOException e) {
      discard(file, e);
      throw failure(option, file, e);
    }
  }

  private static void discard(Path file, IOException cause) {
    try {
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        Files.delete(file);
      } else if (Files.isRegularFile(file)) { // behind a link, and not a device
        Files.newOutputStream(file).close();
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  /** Returns the failure to write a file with its name, which that of a full disk lacks. */
  static IOException failure(String option, Path file, IOException cause) {
    if (cause instanceof FileSystemException) { // has the name
      return cause;
    }
    return new IOException(
        "%s: expected to write %s, got: %s; free space, or name another file"
            .formatted(option, file, cause.getMessage()),
        cause);
  }

  /** The content of a file, written to an open stream. */
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }
}
