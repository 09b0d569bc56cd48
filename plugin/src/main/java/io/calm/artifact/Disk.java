package io.calm.artifact;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** What an artifact needs of the file system when it is written; tests put a failing one here. */
interface Disk {
  Disk LOCAL = new Disk() {};

  /** Creates a file, which must not exist. */
  default WritableByteChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
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

  /** Deletes a directory and the files in it, if it is there. */
  static void delete(Path directory) throws IOException {
    if (!Files.isDirectory(directory)) {
      return;
    }
    List<Path> files;
    try (Stream<Path> entries = Files.list(directory)) {
      files = entries.toList();
    }
    for (Path file : files) {
      Files.deleteIfExists(file);
    }
    Files.deleteIfExists(directory);
  }
}
