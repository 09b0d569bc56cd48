package io.calm.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Loads native libraries so that no other user can replace them. */
public final class PrivateLibrary {
  private static final Logger LOGGER = LoggerFactory.getLogger(PrivateLibrary.class);
  private static final int BUFFER = 1 << 16;

  private PrivateLibrary() {}

  /** Loads the library at a path. */
  @FunctionalInterface
  interface Loader {
    void load(String path);
  }

  /**
   * Loads a library from its bytes. They are written to a new file of mode 0600 in a new directory
   * of mode 0700, below the directory for temporary files, through the channel that created the
   * file. Once it is loaded, both are deleted.
   *
   * @param name of the file
   * @throws IOException if it cannot be written
   * @throws UnsatisfiedLinkError if it cannot be loaded
   */
  public static void load(InputStream bytes, String name) throws IOException {
    load(bytes, name, System::load);
  }

  static void load(InputStream bytes, String name, Loader loader) throws IOException {
    Path directory = Files.createTempDirectory("calm-"); // mode 0700, and there was nothing before
    Path file = directory.resolve(name);
    try {
      try (FileChannel channel = PrivateFiles.create(file)) {
        byte[] buffer = new byte[BUFFER];
        for (int count = bytes.read(buffer); count >= 0; count = bytes.read(buffer)) {
          ByteBuffer part = ByteBuffer.wrap(buffer, 0, count);
          while (part.hasRemaining()) {
            channel.write(part);
          }
        }
      }
      loader.load(file.toString());
    } finally {
      delete(file);
      delete(directory);
    }
  }

  /** What is loaded stays; what cannot be deleted is left to the system. */
  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      LOGGER.debug("{}: cannot be deleted", path, e);
    }
  }
}
