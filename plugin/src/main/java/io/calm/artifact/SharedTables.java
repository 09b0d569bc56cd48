package io.calm.artifact;

import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The tables of a published artifact, which another artifact of the same model shares. Both names
 * belong to one file where the file system has hard links. A published file never changes, and it
 * lives as long as one of its names.
 *
 * @param directory directory of the published artifact
 * @param manifest its manifest
 */
record SharedTables(Path directory, Manifest manifest) {
  private static final Logger logger = LoggerFactory.getLogger(SharedTables.class);

  /**
   * Opens the tables of a published artifact.
   *
   * @throws ArtifactException if its manifest is missing or damaged
   */
  static SharedTables of(Path directory, ArtifactKey key) {
    try {
      return new SharedTables(directory, ArtifactReader.manifest(directory, key));
    } catch (IOException | BadArtifactException e) {
      throw new ArtifactException(
          "%s: cannot be read: %s; load the model again, which makes the artifact again"
              .formatted(directory, e.getMessage()),
          e);
    }
  }

  /** Returns the table of contents of the file. */
  Manifest.DataFile contents() {
    Manifest.DataFile tables = manifest.files().get(Manifest.TABLES);
    if (tables == null) {
      throw new ArtifactException("%s: no file %s".formatted(Manifest.NAME, Manifest.TABLES));
    }
    return tables;
  }

  /**
   * Gives the file a second name, or copies it if that is impossible.
   *
   * @return whether it is a second name of the same, synced file
   */
  boolean shareAs(Path target, StoreFileSystem disk) throws IOException {
    Path source = directory.resolve(Manifest.TABLES);
    PrivateFiles.open(source).close(); // refuses links and files of other users
    try {
      disk.link(target, source);
      return true;
    } catch (IOException | UnsupportedOperationException e) {
      logger.info("{}: copied, since it cannot be linked: {}", source, e.toString());
    }
    Files.deleteIfExists(target);
    try (FileChannel from = PrivateFiles.open(source);
        WritableByteChannel to = disk.create(target)) {
      long size = from.size();
      for (long at = 0; at < size; ) {
        long count = from.transferTo(at, size - at, to);
        if (count <= 0) {
          throw new IOException(source + ": was cut short while it was copied");
        }
        at += count;
      }
    }
    return false;
  }
}
