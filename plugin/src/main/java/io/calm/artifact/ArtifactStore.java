package io.calm.artifact;

import io.calm.artifact.LookupCounts.Outcome;
import io.calm.files.FileErrors;
import io.calm.files.PrivateFiles;
import io.calm.files.UntrustedPathException;
import io.calm.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory of finished quantized models (artifacts), shared by all processes of a user on one
 * machine.
 *
 * <p><b>Layout.</b> Each artifact is a directory {@code artifacts/KEY}, where KEY is the SHA-256 of
 * everything its bytes depend on ({@link ArtifactKey}): the model files, the settings that change
 * the result, the version of the quantization code, the calibration and the format version. A
 * change of any of them gives another directory; nothing is ever updated in place. {@link Manifest}
 * lists the files and their sections with checksums; docs/reference/artifact-format.md describes
 * the bytes.
 *
 * <p><b>Publication.</b> A writer fills {@code KEY.tmp}, syncs every file and the directory, and
 * renames it to {@code KEY} ({@link Publication}). The rename is atomic, so a reader finds a
 * complete artifact or none, and needs no lock. {@link #begin} takes a lock per key ({@link
 * KeyLock}), which the operating system releases when the process ends, however it ends. Two
 * processes that need the same artifact therefore make it once: the second waits ({@link
 * #awaitWriter}) and finds it.
 *
 * <p><b>Failures.</b> A process that is killed leaves {@code KEY.tmp}, which no reader opens and
 * the next writer deletes. A damaged artifact is found by its checksums, because every byte is
 * verified before it is used ({@link ArtifactReader}); it is moved to {@code KEY.bad}, deleted and
 * rebuilt. A leftover that cannot be deleted does not block its key: the writer continues with
 * {@code KEY.1.tmp} and so on ({@link ArtifactPaths}). A disk that is certainly too small is
 * refused before the search. Files of another user, and links, are refused, since their content
 * could change after verification.
 *
 * <p><b>Cost.</b> Opening an artifact reads it once to verify it, on all processors, at about the
 * speed of memory if it is in the page cache. Its weights are then mapped; serving copies them to
 * huge pages by default ({@code calm.weights}). Finding the key of a model does not read the model
 * again ({@link FileDigests}).
 *
 * <p><b>Invariants.</b> A published directory never changes. Mapped weights stay valid after the
 * directory is deleted, until the last lease on them ends ({@link Artifact}). At most one thread on
 * the machine writes a key. Thread safe, also between processes.
 */
public final class ArtifactStore {
  private static final Logger logger = LoggerFactory.getLogger(ArtifactStore.class);

  private static final String DIRECTORY = "artifacts";
  private static final long MIB = 1 << 20;

  private final Path cacheDir;
  private final Path root;
  private final StoreFileSystem files;
  private final Leftovers leftovers;

  /**
   * Opens the store. Its directory need not exist.
   *
   * @param cacheDir parent of {@code artifacts/}; must not lie within DJL's own cache, which DJL
   *     deletes
   */
  public ArtifactStore(Path cacheDir) {
    this(cacheDir, StoreFileSystem.LOCAL);
  }

  ArtifactStore(Path cacheDir, StoreFileSystem files) {
    this.cacheDir = cacheDir;
    this.root = cacheDir.resolve(DIRECTORY);
    this.files = files;
    this.leftovers = new Leftovers(root, files);
  }

  /** The result of {@link #begin}. */
  public sealed interface Claim {}

  /** The artifact, which another thread or process published in the meantime. */
  public record Ready(Artifact artifact) implements Claim {}

  /** The right to write the artifact. The caller closes the writer in any case. */
  public record Granted(ArtifactWriter writer) implements Claim {}

  /**
   * Returns whether there is a published artifact of {@code key}, without a look at its contents.
   *
   * @throws ArtifactException as {@link #find}
   */
  public boolean isPublished(ArtifactKey key) {
    try {
      return PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id());
    } catch (IOException e) {
      throw new ArtifactException(message(e), e);
    }
  }

  /**
   * Returns the published artifact of {@code key}, for a caller that makes it otherwise. A damaged
   * artifact is logged and not returned; {@link #begin} replaces it.
   *
   * @throws ArtifactException if another user may have written it, if it is reached by a link, or
   *     if it cannot be read
   */
  public Optional<Artifact> find(ArtifactKey key) {
    return find(key, "it will be rebuilt");
  }

  /**
   * Returns the published artifact of {@code key}, for a caller that does not make it. A damaged
   * artifact is logged, not returned, and stays.
   *
   * @throws ArtifactException as {@link #find}
   */
  public Optional<Artifact> findFinished(ArtifactKey key) {
    return find(key, "it is not used");
  }

  private Optional<Artifact> find(ArtifactKey key, String consequence) {
    Path directory = new ArtifactPaths(root, key.id()).directory();
    try {
      return PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id())
          ? Optional.of(ArtifactReader.open(directory, key))
          : Optional.empty();
    } catch (IOException e) {
      throw new ArtifactException(message(e), e);
    } catch (BadArtifactException e) {
      logger.warn("artifact {}: {}; {}", directory, e.getMessage(), consequence);
      return Optional.empty();
    }
  }

  /**
   * Claims {@code key} for this thread. Does not wait for another thread or process that writes the
   * artifact; see {@link #awaitWriter}.
   *
   * @param layout sizes of the artifact, so that a disk that is too small is refused at once
   * @param drafts number of plans whose blocks the writer makes
   * @return empty if another thread or process writes the artifact
   * @throws ArtifactException if the directory cannot be used, or if the disk certainly lacks space
   */
  public Optional<Claim> begin(ArtifactKey key, ModelSpec spec, ArtifactLayout layout, int drafts) {
    ArtifactPaths paths = new ArtifactPaths(root, key.id());
    return locking(
        paths,
        () -> {
          Optional<KeyLock> lock = KeyLock.acquire(paths.lock());
          return lock.isPresent()
              ? Optional.of(claim(lock.get(), paths, key, spec, layout.bytes(spec, drafts)))
              : Optional.empty();
        });
  }

  /**
   * Waits until no other thread or process writes the artifact of {@code key}. It is published
   * then, or its writer has failed.
   *
   * @param waiting called about twice a second; an exception that it throws ends the wait
   * @throws ArtifactException if the directory cannot be used
   */
  public void awaitWriter(ArtifactKey key, Runnable waiting) {
    ArtifactPaths paths = new ArtifactPaths(root, key.id());
    locking(
        paths,
        () -> {
          KeyLock.awaitFree(paths.lock(), waiting);
          return true;
        });
  }

  /** Uses the lock of a key. */
  private interface Locking<T> {
    T run() throws IOException, InterruptedException;
  }

  private <T> T locking(ArtifactPaths paths, Locking<T> work) {
    try {
      PrivateFiles.directory(cacheDir, DIRECTORY);
      return work.run();
    } catch (UntrustedPathException e) {
      throw new ArtifactException(message(e), e);
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: cannot be written: %s; set calm.cache-dir to a writable directory"
              .formatted(root, FileErrors.reason(e)),
          e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ArtifactException(
          "%s: interrupted while another process held it".formatted(paths.lock()), e);
    }
  }

  /** Claims a key whose lock is held. The lock is the writer's, or closed if there is none. */
  private Claim claim(
      KeyLock lock, ArtifactPaths paths, ArtifactKey key, ModelSpec spec, long bytes)
      throws IOException {
    boolean granted = false;
    try {
      boolean present = PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id());
      Optional<Artifact> published = publishedOrDiscarded(paths, key);
      LookupCounts.PROCESS.count(
          published.isPresent() ? Outcome.HIT : present ? Outcome.CORRUPT : Outcome.MISS);
      if (published.isPresent()) {
        return new Ready(published.get());
      }
      leftovers.deleteOf(key.id());
      leftovers.sweep();
      requireSpace(bytes);
      ArtifactWriter writer = new ArtifactWriter(files, Leftovers.free(paths), key, spec, lock);
      granted = true;
      return new Granted(writer);
    } finally {
      if (!granted) {
        lock.close();
      }
    }
  }

  private static String message(IOException e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  private Optional<Artifact> publishedOrDiscarded(ArtifactPaths paths, ArtifactKey key)
      throws IOException {
    if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY, key.id())) {
      return Optional.empty();
    }
    try {
      return Optional.of(ArtifactReader.open(paths.directory(), key));
    } catch (BadArtifactException e) {
      logger.info("artifact {}: deleting it: {}", paths.directory(), e.getMessage());
      Path discarded = Leftovers.free(paths).discarded();
      Files.move(paths.directory(), discarded, StandardCopyOption.ATOMIC_MOVE);
      leftovers.delete(discarded);
      return Optional.empty();
    }
  }

  private void requireSpace(long bytes) throws IOException {
    long usable = files.usableSpace(root);
    if (usable < bytes) {
      throw new ArtifactException(
          "%s: expected space for %d MiB, got %d MiB; free some, or set calm.cache-dir"
              .formatted(root, (bytes + MIB - 1) / MIB, usable / MIB));
    }
  }
}
