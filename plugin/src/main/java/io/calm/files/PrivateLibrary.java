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
  private static final Logger logger = LoggerFactory.getLogger(PrivateLibrary.class);
  private static final int BUFFER = 1 << 16;

  private PrivateLibrary() {}

  /** Loads the library at a path. */
  @FunctionalInterface
  interface Loader {
    void load(String path);
  }

  /**
   * Loads a library from its bytes. The bytes are written to a new file of mode 0600, through the
   * channel that created it. The file is in a new temporary directory of mode 0700. Both are
   * deleted after loading.
   *
   * @param name name of the file
   * @throws IOException if the file cannot be written
   * @throws UnsatisfiedLinkError if the library cannot be loaded
   */
  public static void load(InputStream bytes, String name) throws IOException {
    load(bytes, name, System::load);
  }

  static void load(InputStream bytes, String name, Loader loader) throws IOException {
    Path directory = Files.createTempDirectory("calm-"); // new, with mode 0700
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

  /** Deletes a file or directory if possible; a loaded library stays loaded. */
  private static void delete(Path path) {
    try {
      Files.deleteIfExists(path);
    } catch (IOException e) {
      logger.debug("{}: cannot be deleted", path, e);
    }
  }
}
