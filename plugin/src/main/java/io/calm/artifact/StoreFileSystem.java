package io.calm.artifact;

import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** What an artifact needs of the file system when it is written; tests put a failing one here. */
interface StoreFileSystem {
  StoreFileSystem LOCAL = new StoreFileSystem() {};

  /** Creates a file, which must not exist. */
  default WritableByteChannel create(Path file) throws IOException {
    return PrivateFiles.create(file);
  }

  /** Makes a file's bytes, or a directory's entries, survive a power failure. */
  default void sync(Path path) throws IOException {
    boolean directory = Files.isDirectory(path);
    if (directory && System.getProperty("os.name", "").startsWith("Windows")) {
      return; // directories cannot be opened there
    }
    StandardOpenOption mode = directory ? StandardOpenOption.READ : StandardOpenOption.WRITE;
    try (FileChannel channel = FileChannel.open(path, mode)) {
      channel.force(true);
    }
  }

  /** Returns the bytes that may still be written under {@code directory}. */
  default long usableSpace(Path directory) throws IOException {
    return Files.getFileStore(directory).getUsableSpace();
  }

  /** Deletes a file, a link or a directory tree; links are not followed. */
  default void delete(Path path) throws IOException {
    if (Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
      List<Path> children;
      try (Stream<Path> entries = Files.list(path)) {
        children = entries.toList();
      }
      for (Path child : children) {
        delete(child);
      }
    }
    Files.deleteIfExists(path);
  }
}
