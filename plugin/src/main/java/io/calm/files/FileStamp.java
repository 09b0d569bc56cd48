package io.calm.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The identity, size and modification time of a file when it was opened. An open or mapped file
 * stays valid if its path is deleted or replaced, but not if the file itself is written to.
 *
 * @param identity the inode, which distinguishes the file from another at the same path; null if
 *     the file system has none
 */
public record FileStamp(Path path, long size, FileTime modified, @Nullable Object identity) {

  /** Returns the current stamp of a file. */
  public static FileStamp of(Path path) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
    return new FileStamp(
        path, attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
  }

  /** Returns a description of the damage if the file is now shorter; takes one system call. */
  public Optional<String> cutShort() {
    try {
      FileStamp now = of(path);
      return Objects.equals(now.identity, identity) && now.size < size
          ? Optional.of(cutTo(now.size))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // deleted or moved: the mapping stays valid
    }
  }

  private String cutTo(long bytes) {
    return "%s: expected %d bytes, as it was opened, got %d: it was cut short while in use"
        .formatted(path, size, bytes);
  }

  /** Returns a description of the damage if the file was written to; takes one system call. */
  public Optional<String> rewritten() {
    try {
      FileStamp now = of(path);
      if (!Objects.equals(now.identity, identity) || now.equals(this)) {
        return Optional.empty();
      }
      return Optional.of(
          now.size < size
              ? cutTo(now.size)
              : "%s: expected %d bytes of %s, as it was opened, got %d of %s: it was written to while in use"
                  .formatted(path, size, modified, now.size, now.modified));
    } catch (IOException e) {
      return Optional.empty(); // deleted or moved: the open file stays valid
    }
  }
}
