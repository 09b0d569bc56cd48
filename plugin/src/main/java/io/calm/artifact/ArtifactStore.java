package io.calm.artifact;

import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
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
  private static final Logger LOGGER = LoggerFactory.getLogger(ArtifactStore.class);

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
    this.root = cacheDir.resolve("artifacts");
    this.disk = disk;
  }

  /** Returns the cache directory of users who name none: {@code ~/.cache/calm}. */
  public static Path defaultCacheDir() {
    return Path.of(System.getProperty("user.home", "."), ".cache", "calm");
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
   */
  public Optional<Artifact> find(ArtifactKey key) {
    Path directory = new Place(root, key.id()).directory();
    if (!Files.isDirectory(directory)) {
      return Optional.empty();
    }
    try {
      return Optional.of(ArtifactReader.open(directory, key));
    } catch (BadArtifactException e) {
      LOGGER.warn("artifact {}: {}; it will be made again", directory, e.getMessage());
      return Optional.empty();
    }
  }

  /**
   * Claims {@code key} for this thread, waiting while another thread or process makes it.
   *
   * @throws ArtifactException if the directory cannot be used, or the disk certainly lacks space
   */
  public Claim begin(ArtifactKey key, ModelSpec spec) {
    Place place = new Place(root, key.id());
    try {
      Files.createDirectories(root);
      KeyLock lock = KeyLock.acquire(place.lock());
      boolean granted = false;
      try {
        Optional<Artifact> published = publishedOrDiscarded(place, key);
        if (published.isPresent()) {
          return new Ready(published.get());
        }
        deleteLeftover(place.temporary());
        sweep();
        requireSpace(spec);
        ArtifactWriter writer = new ArtifactWriter(disk, place, key, spec, lock);
        granted = true;
        return new Granted(writer);
      } finally {
        if (!granted) {
          lock.close();
        }
      }
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

  private static Optional<Artifact> publishedOrDiscarded(Place place, ArtifactKey key)
      throws IOException {
    if (!Files.isDirectory(place.directory())) {
      return Optional.empty();
    }
    try {
      return Optional.of(ArtifactReader.open(place.directory(), key));
    } catch (BadArtifactException e) {
      LOGGER.info("artifact {}: deleting it: {}", place.directory(), e.getMessage());
      Disk.delete(place.discarded());
      Files.move(place.directory(), place.discarded(), StandardCopyOption.ATOMIC_MOVE);
      Disk.delete(place.discarded());
      return Optional.empty();
    }
  }

  /** Deletes what dead writers left of any key; live ones hold their locks. */
  private void sweep() throws IOException, InterruptedException {
    for (String suffix : List.of(Place.TEMPORARY, Place.DISCARDED)) {
      List<Path> leftovers;
      try (Stream<Path> entries = Files.list(root)) {
        leftovers = entries.filter(path -> path.toString().endsWith(suffix)).toList();
      }
      for (Path leftover : leftovers) {
        String name = leftover.getFileName().toString();
        Place place = new Place(root, name.substring(0, name.length() - suffix.length()));
        Optional<KeyLock> lock = KeyLock.tryAcquire(place.lock());
        if (lock.isPresent()) {
          try {
            deleteLeftover(leftover);
          } finally {
            lock.get().close();
          }
        }
      }
    }
  }

  private static void deleteLeftover(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      LOGGER.info("{}: deleting what a writer that is gone left", directory);
      Disk.delete(directory);
    }
  }

  private void requireSpace(ModelSpec spec) throws IOException {
    long least = BlockSections.leastBytes(spec);
    long usable = disk.usableSpace(root);
    if (usable < least) {
      throw new ArtifactException(
          "%s: expected space for at least %d MiB, got %d MiB; free some, or set calm.cache-dir"
              .formatted(root, least >> 20, usable >> 20));
    }
  }
}
