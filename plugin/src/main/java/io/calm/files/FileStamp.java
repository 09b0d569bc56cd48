package io.calm.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The identity and size of a file when it was mapped. A mapping stays valid if its file is deleted
 * or replaced, but not if the file is truncated.
 *
 * @param identity the inode, which distinguishes the file from another at the same path; null if
 *     the file system has none
 */
public record FileStamp(Path path, long size, @Nullable Object identity) {

  /** Returns the current stamp of a file. */
  public static FileStamp of(Path path) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
    return new FileStamp(path, attributes.size(), attributes.fileKey());
  }

  /** Returns a description of the damage if the file is now shorter; takes one system call. */
  public Optional<String> cutShort() {
    try {
      FileStamp now = of(path);
      return Objects.equals(now.identity, identity) && now.size < size
          ? Optional.of(
              "%s: expected %d bytes, as it was opened, got %d: it was cut short while in use"
                  .formatted(path, size, now.size))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // deleted or moved: the mapping stays valid
    }
  }
}
