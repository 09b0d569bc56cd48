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

/** The file operations of an artifact's writer. Tests replace them by failing ones. */
interface StoreFileSystem {
  StoreFileSystem LOCAL = new StoreFileSystem() {};

  /** Creates a file that must not exist. */
  default WritableByteChannel create(Path file) throws IOException {
    return PrivateFiles.create(file);
  }

  /** Gives an existing file a second name. */
  default void link(Path name, Path existing) throws IOException {
    Files.createLink(name, existing);
  }

  /** Makes the bytes of a file, or the entries of a directory, survive a power failure. */
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

  /** Returns the number of bytes that may still be written under {@code directory}. */
  default long usableSpace(Path directory) throws IOException {
    return Files.getFileStore(directory).getUsableSpace();
  }

  /** Deletes a file, a link or a directory tree. Does not follow links. */
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
