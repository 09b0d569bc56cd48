package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Rejects files that a failed download leaves in place of a model file: Git LFS pointers, error
 * pages, archives, empty files and dangling symbolic links. Recognizes them by their first bytes.
 */
public final class ForeignFiles {
  private static final int HEAD = 512;
  private static final int HEADER = 8;
  private static final String AGAIN = "download the file again";
  private static final String UNPACK = "unpack it and give what is inside";

  /**
   * A kind of file, recognized by its first bytes as Latin-1 text.
   *
   * @param text whether leading white space and case are ignored
   * @param starts possible beginnings of the file; in lower case if {@code text}
   */
  private record Kind(String name, String remedy, boolean text, List<String> starts) {
    boolean matches(String head) {
      String compared = text ? head.stripLeading().toLowerCase(Locale.ROOT) : head;
      return starts.stream().anyMatch(compared::startsWith);
    }
  }

  private static final List<Kind> KINDS =
      List.of(
          new Kind(
              "a Git LFS pointer, not the file itself",
              "run `git lfs pull` in the model's repository",
              true,
              List.of("version https://git-lfs.github.com/spec/", "version https://hawser.github")),
          new Kind(
              "a git-annex pointer, not the file itself",
              "run `git annex get` in the model's repository",
              true,
              List.of("/annex/objects/")),
          new Kind(
              "an HTML page",
              AGAIN + ": link to the file, not to its page, and log in where the site asks for it",
              true,
              List.of("<!doctype html", "<html", "<head", "<body", "<!-- ")),
          new Kind("an XML document, probably an error page", AGAIN, true, List.of("<?xml")),
          new Kind(
              "an error message instead of the file",
              AGAIN,
              true,
              List.of(
                  "entry not found",
                  "repository not found",
                  "invalid username or password",
                  "access to model",
                  "access denied",
                  "{\"error\"",
                  "{\"message\":\"not found")),
          new Kind("gzip data", UNPACK, false, List.of("\u001f\u008b")),
          new Kind(
              "a zip archive, as PyTorch's .bin and .pt files are",
              "convert it with transformers' save_pretrained(safe_serialization=True), or unpack it",
              false,
              List.of("PK\u0003\u0004", "PK\u0005\u0006")),
          new Kind("bzip2 data", UNPACK, false, List.of("BZh")),
          new Kind("xz data", UNPACK, false, List.of("\u00fd7zXZ\u0000")),
          new Kind("zstd data", UNPACK, false, List.of("(\u00b5/\u00fd")),
          new Kind("a 7z archive", UNPACK, false, List.of("7z\u00bc\u00af")),
          new Kind(
              "a Python pickle",
              "convert it with transformers' save_pretrained(safe_serialization=True)",
              false,
              List.of("\u0080\u0002", "\u0080\u0003", "\u0080\u0004", "\u0080\u0005")),
          new Kind(
              "HDF5 data, as Keras and TensorFlow write",
              "convert it to safetensors",
              false,
              List.of("\u0089HDF\r\n")));

  private ForeignFiles() {}

  /**
   * Rejects a file that is recognized as something other than a model file. Accepts a missing or
   * unreadable file, which its reader reports.
   *
   * @throws CheckpointException if the file is of another kind; the message names the kind and a
   *     remedy
   */
  public static void requireNone(Path file) {
    if (Files.isSymbolicLink(file) && !Files.exists(file)) {
      throw CheckpointException.refused(
          file.toString(),
          "a file",
          "a symbolic link whose target is missing",
          "copy the files that the links of a download cache point to, or download again");
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) { // a pipe would block its reader
      throw CheckpointException.refused(
          file.toString(),
          "a regular file",
          Files.isDirectory(file) ? "a directory" : "a device, pipe or socket",
          "replace it with the model file");
    }
    if (!Files.exists(file)) {
      return;
    }
    Optional<byte[]> head = head(file);
    if (head.isEmpty()) {
      return;
    }
    if (head.get().length == 0) {
      throw CheckpointException.refused(file.toString(), "a model file", "an empty file", AGAIN);
    }
    String text = new String(head.get(), StandardCharsets.ISO_8859_1);
    if (isSafetensors(text)) {
      return;
    }
    for (Kind kind : KINDS) {
      if (kind.matches(text)) {
        throw CheckpointException.refused(
            file.toString(), "a model file", kind.name(), kind.remedy());
      }
    }
    if (text.length() == HEAD && text.chars().allMatch(c -> c == 0)) {
      throw CheckpointException.refused(
          file.toString(), "a model file", "zeros, as in an unfinished download", AGAIN);
    }
  }

  /**
   * Returns whether JSON follows an 8-byte header length, whose bytes may look like another format.
   */
  private static boolean isSafetensors(String head) {
    return head.length() > HEADER && head.startsWith("{\"", HEADER);
  }

  private static Optional<byte[]> head(Path file) {
    try (InputStream in = Files.newInputStream(file)) {
      return Optional.of(in.readNBytes(HEAD));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
