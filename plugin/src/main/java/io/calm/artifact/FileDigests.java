package io.calm.artifact;

import io.calm.files.FileErrors;
import io.calm.files.FileStamp;
import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Computes the SHA-256 of model files and remembers it by real path, size, modification time and
 * file key (the inode, if the file system has one). A second start therefore does not read the
 * model to name it.
 *
 * <p>The digest of a file that changed within two seconds before it was read is not remembered,
 * because its next change might keep size and time. Each file has an entry of its own, replaced
 * atomically and with a checksum. A damaged or unwritable entry costs a read, never a wrong digest.
 * A digest whose entry cannot be written is remembered until the process ends, and every look at it
 * tries to write it again. Thread safe, also between processes.
 */
public final class FileDigests {
  private static final Logger logger = LoggerFactory.getLogger(FileDigests.class);
  private static final Duration SETTLED = Duration.ofSeconds(2);

  private static final String DIRECTORY = "digests";

  /** Answers as entries have them: texts of a digest's length. */
  private static final String YES = digestOf("yes");

  private static final String NO = digestOf("no");

  /** Digests by identity whose entries could not be written. */
  private static final Map<String, String> UNWRITTEN = new ConcurrentHashMap<>();

  private final Path cacheDir;
  private final Path directory;
  private final Clock clock;

  /** Remembers digests in {@code cacheDir/digests}. */
  public FileDigests(Path cacheDir) {
    this(cacheDir, Clock.systemUTC());
  }

  FileDigests(Path cacheDir, Clock clock) {
    this.cacheDir = cacheDir;
    this.directory = cacheDir.resolve(DIRECTORY);
    this.clock = clock;
  }

  /** Returns the digests of {@code files}, in their order. */
  public List<String> sha256(List<Path> files) {
    return files.stream().map(this::sha256).toList();
  }

  /**
   * Returns the SHA-256 of a file, in lower-case hex.
   *
   * @throws ArtifactException if the file cannot be read, or changes while it is read
   */
  public String sha256(Path file) {
    return remembered(file).orElseGet(() -> read(file));
  }

  /** Returns the digest of a file without reading the file; empty if none is remembered. */
  private Optional<String> remembered(Path file) {
    try {
      Path real = file.toRealPath();
      return recall(entry(real), identity(real));
    } catch (IOException e) {
      return Optional.empty(); // reading the file will say why
    }
  }

  private String read(Path file) {
    try {
      Path real = file.toRealPath();
      String identity = identity(real);
      boolean settled =
          Files.getLastModifiedTime(real).toInstant().plus(SETTLED).isBefore(clock.instant());
      String sha256 = Sha256.of(real);
      if (!identity(real).equals(identity)) {
        throw changed(file);
      }
      if (settled) {
        remember(entry(real), identity, sha256);
      }
      return sha256;
    } catch (IOException e) {
      throw unreadable(file, e);
    }
  }

  private static void requireSame(FileStamp file) {
    try {
      if (!FileStamp.of(file.path()).equals(file)) {
        throw changed(file.path());
      }
    } catch (IOException e) {
      throw unreadable(file.path(), e);
    }
  }

  private static ArtifactException changed(Path file) {
    return new ArtifactException(
        "%s: expected a finished file, but it changed while it was read; retry when nothing writes it"
            .formatted(file));
  }

  private static ArtifactException unreadable(Path file, IOException e) {
    return new ArtifactException(
        "%s: cannot be read: %s; check path and permissions".formatted(file, FileErrors.reason(e)),
        e);
  }

  /**
   * Returns an answer about the contents of files. It is computed once and remembered with their
   * digests, so that other contents are asked again. If a digest is not remembered, the answer is
   * computed before the files are read for it, because {@code compute} may refuse them at once.
   *
   * @param question name of the question
   * @param files stamps of the files that {@code compute} reads, which may be open since
   * @param compute computes the answer from the files
   * @throws ArtifactException if a file cannot be read, or is no longer the one of its stamp
   */
  public boolean answer(String question, List<FileStamp> files, BooleanSupplier compute) {
    List<Optional<String>> known = files.stream().map(file -> remembered(file.path())).toList();
    Optional<Boolean> computed =
        known.stream().allMatch(Optional::isPresent)
            ? Optional.empty()
            : Optional.of(compute.getAsBoolean());
    StringBuilder asked = new StringBuilder(question);
    for (int i = 0; i < files.size(); i++) {
      Path file = files.get(i).path(); // looked up again: it may be another file by now
      asked.append('\n').append(known.get(i).isPresent() ? sha256(file) : read(file));
    }
    for (FileStamp file : files) {
      requireSame(file); // the answer is of the stamped file, the digest of the file by name
    }
    String identity = asked.toString();
    Path entry = directory.resolve(digestOf(identity));
    Optional<String> remembered = computed.isPresent() ? Optional.empty() : recall(entry, identity);
    if (remembered.isPresent() && (remembered.get().equals(YES) || remembered.get().equals(NO))) {
      return remembered.get().equals(YES);
    }
    boolean answer = computed.orElseGet(compute::getAsBoolean);
    remember(entry, identity, answer ? YES : NO);
    return answer;
  }

  private Path entry(Path real) {
    return directory.resolve(digestOf(real.toString()));
  }

  private static String digestOf(String text) {
    return Sha256.of(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String identity(Path real) throws IOException {
    BasicFileAttributes attributes = Files.readAttributes(real, BasicFileAttributes.class);
    return "%s\n%d\n%s\n%s"
        .formatted(real, attributes.size(), attributes.lastModifiedTime(), attributes.fileKey());
  }

  private static String text(String identity, String sha256) {
    String body = sha256 + "\n" + identity + "\n";
    return body + Sha256.of(body.getBytes(StandardCharsets.UTF_8)) + "\n";
  }

  private Optional<String> recall(Path entry, String identity) {
    Optional<String> unwritten = Optional.ofNullable(UNWRITTEN.get(identity));
    if (unwritten.isPresent()) {
      remember(entry, identity, unwritten.get());
      return unwritten;
    }
    try {
      if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY)) {
        return Optional.empty();
      }
      byte[] stored = PrivateFiles.read(entry);
      String sha256 = new String(stored, 0, Math.min(64, stored.length), StandardCharsets.US_ASCII);
      if (new String(stored, StandardCharsets.UTF_8).equals(text(identity, sha256))) {
        return Optional.of(sha256);
      }
      logger.info("{} is of an older version of its file, or damaged; reading it again", entry);
    } catch (NoSuchFileException e) {
      logger.debug("no digest remembered in {}", entry);
    } catch (IOException e) {
      logger.warn(
          "digest {} cannot be read ({}); reading the model file instead", entry, e.toString());
    }
    return Optional.empty();
  }

  private void remember(Path entry, String identity, String sha256) {
    try {
      PrivateFiles.replace(
          PrivateFiles.directory(cacheDir, DIRECTORY),
          entry.getFileName().toString(),
          text(identity, sha256).getBytes(StandardCharsets.UTF_8));
      UNWRITTEN.remove(identity);
    } catch (IOException e) {
      if (UNWRITTEN.put(identity, sha256) == null) {
        logger.warn(
            "digest {} cannot be written ({}); it is computed at every start", entry, e.toString());
      }
    }
  }
}
