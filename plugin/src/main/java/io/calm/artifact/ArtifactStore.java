package io.calm.artifact;

import io.calm.files.PrivateFiles;
import io.calm.files.UntrustedPathException;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The finished quantized models of this machine, each in a directory named by its key.
 *
 * <p>An artifact appears by one rename of a complete, synced directory and never changes after
 * that, so readers need no lock. Writers of one key exclude each other by a lock that dies with its
 * process. A process that is killed leaves a directory that no reader looks at and the next writer
 * deletes; a damaged artifact is reported and made again. Thread safe, also between processes.
 */
public final class ArtifactStore {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactStore.class);

  private static final String DIRECTORY = "artifacts";
  private static final int MAX_ATTEMPTS = 100;
  private static final long MIB = 1 << 20;

  private final Path cacheDir;
  private final Path root;
  private final Disk disk;

  /**
   * Opens the store, which need not exist yet.
   *
   * @param cacheDir holds {@code artifacts/}; must not lie within DJL's own cache, which DJL
   *     deletes
   */
  public ArtifactStore(Path cacheDir) {
    this(cacheDir, Disk.LOCAL);
  }

  ArtifactStore(Path cacheDir, Disk disk) {
    this.cacheDir = cacheDir;
    this.root = cacheDir.resolve(DIRECTORY);
    this.disk = disk;
  }

  /** What {@link #begin} found when it had the key to itself. */
  public sealed interface Claim {}

  /** Another process published the artifact in the meantime. */
  public record Ready(Artifact artifact) implements Claim {}

  /** The caller makes the artifact, and closes the writer whatever happens. */
  public record Granted(ArtifactWriter writer) implements Claim {}

  /**
   * Returns the published artifact of {@code key}. One that is damaged is reported in the log and
   * not returned; {@link #begin} replaces it.
   *
   * @throws ArtifactException if another user may have written it, or it is reached by a link
   */
  public Optional<Artifact> find(ArtifactKey key) {
    Path directory = new Place(root, key.id()).directory();
    try {
      return PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id())
          ? Optional.of(ArtifactReader.open(directory, key))
          : Optional.empty();
    } catch (IOException e) {
      throw new ArtifactException(message(e), e);
    } catch (BadArtifactException e) {
      logger.warn("artifact {}: {}; it will be made again", directory, e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Claims {@code key} for this thread, waiting while another thread or process makes it.
   *
   * @param layout what will be written, so that a disk which cannot hold it is refused now
   * @throws ArtifactException if the directory cannot be used, or the disk certainly lacks space
   */
  public Claim begin(ArtifactKey key, ModelSpec spec, ArtifactLayout layout) {
    Place place = new Place(root, key.id());
    try {
      PrivateFiles.directory(cacheDir, DIRECTORY);
      KeyLock lock = KeyLock.acquire(place.lock());
      boolean granted = false;
      try {
        Optional<Artifact> published = publishedOrDiscarded(place, key);
        if (published.isPresent()) {
          return new Ready(published.get());
        }
        deleteLeftovers(key.id());
        sweep();
        requireSpace(layout.bytes(spec));
        ArtifactWriter writer = new ArtifactWriter(disk, free(place), key, spec, lock);
        granted = true;
        return new Granted(writer);
      } finally {
        if (!granted) {
          lock.close();
        }
      }
    } catch (UntrustedPathException e) {
      throw new ArtifactException(message(e), e);
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: cannot be written: %s; set calm.cache-dir to a directory that can"
              .formatted(root, e),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ArtifactException(
          "%s: interrupted while another process held it".formatted(place.lock()), e);
    }
  }

  private static String message(IOException e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private Optional<Artifact> publishedOrDiscarded(Place place, ArtifactKey key) throws IOException {
    if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id())) {
      return Optional.empty();
    }
    try {
      return Optional.of(ArtifactReader.open(place.directory(), key));
    } catch (BadArtifactException e) {
      logger.info("artifact {}: deleting it: {}", place.directory(), e.getMessage());
      Path discarded = free(place).discarded();
      Files.move(place.directory(), discarded, StandardCopyOption.ATOMIC_MOVE);
      deleteLeftover(discarded);
      return Optional.empty();
    }
  }

  /** Returns the first place whose names are not taken by leftovers that cannot be deleted. */
  private static Place free(Place place) throws IOException {
    Place free = place;
    while (isThere(free.temporary()) || isThere(free.discarded())) {
      free = free.next();
      if (free.attempt() > MAX_ATTEMPTS) {
        throw new IOException(
            "%s: %d leftovers of earlier writers cannot be deleted; delete them"
                .formatted(place.temporary(), MAX_ATTEMPTS));
      }
    }
    return free;
  }

  private static boolean isThere(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /** Deletes what dead writers left of any key; live ones hold their locks. */
  private void sweep() throws IOException, InterruptedException {
    Set<String> ids = new TreeSet<>();
    for (Path leftover : leftovers()) {
      ids.add(Place.idOf(leftover));
    }
    for (String id : ids) {
      Optional<KeyLock> lock = tryAcquire(new Place(root, id).lock());
      if (lock.isPresent()) {
        try {
          deleteLeftovers(id);
        } finally {
          lock.get().close();
        }
      }
    }
  }

  /** Returns a key's lock if it is free; leftovers of a lock that cannot be opened are kept. */
  private static Optional<KeyLock> tryAcquire(Path file) throws InterruptedException {
    try {
      return KeyLock.tryAcquire(file);
    } catch (IOException e) {
      logger.warn(
          "{}: cannot be opened ({}); leftovers of its writer are kept", file, e.toString());
      return Optional.empty();
    }
  }

  private List<Path> leftovers() throws IOException {
    try (Stream<Path> entries = Files.list(root)) {
      return entries
          .filter(
              path ->
                  path.toString().endsWith(Place.TEMPORARY)
                      || path.toString().endsWith(Place.DISCARDED))
          .toList();
    }
  }

  /** Deletes the leftovers of a key; its lock must be held. */
  private void deleteLeftovers(String id) throws IOException {
    for (Path leftover : leftovers()) {
      if (Place.idOf(leftover).equals(id)) {
        deleteLeftover(leftover);
      }
    }
  }

  /** Deletes a writer's leftover; logs a warning if it cannot be deleted. */
  private void deleteLeftover(Path leftover) {
    logger.info("{}: deleting a leftover of a writer that has ended", leftover);
    try {
      disk.delete(leftover);
    } catch (IOException | UncheckedIOException e) {
      logger.warn("{}: cannot be deleted ({}); delete it by hand", leftover, e.toString());
    }
  }

  private void requireSpace(long bytes) throws IOException {
    long usable = disk.usableSpace(root);
    if (usable < bytes) {
      throw new ArtifactException(
          "%s: expected space for %d MiB, got %d MiB; free some, or set calm.cache-dir"
              .formatted(root, (bytes + MIB - 1) / MIB, usable / MIB));
    }
  }
}
