package io.calm.artifact;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directories that writers left which were killed, and damaged ones that are being deleted. The
 * holder of a key's lock owns those of the key.
 *
 * @param root directory of all artifacts
 */
record Leftovers(Path root, StoreFileSystem files) {
  private static final Logger logger = LoggerFactory.getLogger(Leftovers.class);
  private static final int MAX_ATTEMPTS = 100;

  /** Returns the first paths that are not taken by leftovers that cannot be deleted. */
  static ArtifactPaths free(ArtifactPaths paths) throws IOException {
    ArtifactPaths free = paths;
    while (isThere(free.temporary()) || isThere(free.discarded())) {
      free = free.next();
      if (free.attempt() > MAX_ATTEMPTS) {
        throw new IOException(
            "%s: %d leftovers of earlier writers cannot be deleted; delete them"
                .formatted(paths.temporary(), MAX_ATTEMPTS));
      }
    }
    return free;
  }

  private static boolean isThere(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /** Deletes leftovers of dead writers of any key. Live writers hold their locks. */
  void sweep() throws IOException {
    Set<String> ids = new TreeSet<>();
    for (Path leftover : all()) {
      ids.add(ArtifactPaths.idOf(leftover));
    }
    for (String id : ids) {
      Optional<KeyLock> lock = tryAcquire(new ArtifactPaths(root, id).lock());
      if (lock.isPresent()) {
        try {
          deleteOf(id);
        } finally {
          lock.get().close();
        }
      }
    }
  }

  /** Returns a key's lock if it is free; leftovers of a lock that cannot be opened are kept. */
  private static Optional<KeyLock> tryAcquire(Path file) {
    try {
      return KeyLock.tryAcquire(file);
    } catch (IOException e) {
      logger.warn(
          "{}: cannot be opened ({}); leftovers of its writer are kept", file, e.toString());
      return Optional.empty();
    }
  }

  private List<Path> all() throws IOException {
    try (Stream<Path> entries = Files.list(root)) {
      return entries
          .filter(
              path ->
                  path.toString().endsWith(ArtifactPaths.TEMPORARY)
                      || path.toString().endsWith(ArtifactPaths.DISCARDED))
          .toList();
    }
  }

  /** Deletes the leftovers of a key; its lock must be held. */
  void deleteOf(String id) throws IOException {
    for (Path leftover : all()) {
      if (ArtifactPaths.idOf(leftover).equals(id)) {
        delete(leftover);
      }
    }
  }

  /** Deletes a writer's leftover; logs a warning if it cannot be deleted. */
  void delete(Path leftover) {
    logger.info("{}: deleting a leftover of a writer that has ended", leftover);
    try {
      files.delete(leftover);
    } catch (IOException | UncheckedIOException e) {
      logger.warn("{}: cannot be deleted ({}); delete it by hand", leftover, e.toString());
    }
  }
}
