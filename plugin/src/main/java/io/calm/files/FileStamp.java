package io.calm.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A file as it was when it was mapped. A mapping stays valid when its file is deleted or replaced,
 * but not when the file itself is cut short.
 *
 * @param identity distinguishes the file from another at the same path: the inode, if there is one
 */
public record FileStamp(Path path, long size, @Nullable Object identity) {

  /** Returns a file's current stamp. */
  public static FileStamp of(Path path) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
    return new FileStamp(path, attributes.size(), attributes.fileKey());
  }

  /** Describes the damage if the file is now shorter; costs one system call. */
  public Optional<String> cutShort() {
    try {
      FileStamp now = of(path);
      return Objects.equals(now.identity, identity) && now.size < size
          ? Optional.of(
              "%s: expected %d bytes, as it was opened, got %d: it was cut short while in use"
                  .formatted(path, size, now.size))
          : Optional.empty();
    } catch (IOException e) {
      return Optional.empty(); // deleted or moved: what was mapped stays
    }
  }
}
