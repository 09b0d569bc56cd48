package io.calm.files;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and opens files below a cache directory so that no other user can write, replace or
 * redirect them.
 *
 * <p>Directories below the cache directory have mode 0700 and published files have mode 0444. Both
 * belong to the user of this process or to root. Symbolic links are refused, and so are files of
 * other users. Wider modes, as set by older versions, are narrowed. On a system without POSIX
 * owners and modes, only links are refused. The path of the cache directory itself may contain
 * links, since the operator chooses it. Thread safe.
 */
public final class PrivateFiles {
  private static final Logger logger = LoggerFactory.getLogger(PrivateFiles.class);
  private static final String DIRECTORY = "rwx------";
  private static final String WRITTEN = "rw-------";
  private static final String PUBLISHED = "r--r--r--";
  private static final int DIRECTORY_MODE = 0700;
  private static final int OTHERS_WRITE = 0022;

  private static final Set<Path> WARNED = ConcurrentHashMap.newKeySet();

  private PrivateFiles() {}

  /**
   * Returns the directory {@code names} below {@code cacheDir}; creates missing directories.
   *
   * @throws UntrustedPathException if a directory is a link or belongs to another user
   */
  public static Path directory(Path cacheDir, String... names) throws IOException {
    Files.createDirectories(cacheDir, attributes(DIRECTORY));
    checkCache(cacheDir);
    Path directory = cacheDir;
    for (String name : names) {
      directory = directory.resolve(name);
      if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
        Files.createDirectories(directory, attributes(DIRECTORY));
      }
      check(directory);
    }
    return directory;
  }

  /**
   * Checks existing directories like {@link #directory}, without creating any.
   *
   * @return whether all of them exist
   */
  public static boolean isDirectory(Path cacheDir, String... names) throws IOException {
    if (!Files.isDirectory(cacheDir)) {
      return false;
    }
    checkCache(cacheDir);
    Path directory = cacheDir;
    for (String name : names) {
      directory = directory.resolve(name);
      if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
        return false;
      }
      check(directory);
    }
    return true;
  }

  /** Creates a directory with mode 0700; its path must not exist. */
  public static void createDirectory(Path directory) throws IOException {
    Files.createDirectory(directory, attributes(DIRECTORY));
  }

  /** Checks a cache directory; its mode is kept unless other users could replace entries. */
  private static void checkCache(Path cacheDir) throws IOException {
    Path real = cacheDir.toRealPath();
    Optional<PosixStatus> found = PosixStatus.of(real);
    if (found.isEmpty()) {
      return;
    }
    PosixStatus status = found.get();
    requireTrusted(real, status);
    if (status.isWritableByOthers() && !status.isSticky()) {
      if (status.isOwn()) {
        narrow(real, status.permissions() & ~OTHERS_WRITE);
      } else if (WARNED.add(real)) {
        // Kubernetes mounts volumes like this. Files of other users below it have other owners.
        logger.warn(
            "{}: the directory belongs to root, and its group or all users can write to it and so"
                + " delete or replace cached files; run chmod go-w on it, or set calm.cache-dir to"
                + " another directory",
            real);
      }
    }
  }

  private static void check(Path directory) throws IOException {
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new UntrustedPathException(
          "%s: expected a directory, got %s; remove it, or set calm.cache-dir to another directory"
              .formatted(directory, kind(directory)));
    }
    Optional<PosixStatus> found = PosixStatus.of(directory);
    if (found.isEmpty()) {
      return;
    }
    PosixStatus status = found.get();
    requireTrusted(directory, status);
    if (status.isOwn()) {
      if (status.permissions() != DIRECTORY_MODE) {
        narrow(directory, DIRECTORY_MODE);
      }
    } else if (status.isWritableByOthers()) {
      refuse(directory, status, writable(directory));
    }
  }

  /**
   * Opens a published file for reading.
   *
   * @throws java.nio.file.NoSuchFileException if it does not exist
   * @throws UntrustedPathException if it is not a regular file, or belongs to another user
   */
  public static FileChannel open(Path file) throws IOException {
    BasicFileAttributes attributes =
        Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    if (!attributes.isRegularFile()) {
      throw new UntrustedPathException(
          "%s: expected a file, got %s; remove it".formatted(file, kind(file)));
    }
    // No other user can replace the file between open and check, since the directory is private.
    FileChannel channel =
        FileChannel.open(file, Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS));
    try {
      checkFile(file);
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
    return channel;
  }

  private static void checkFile(Path file) throws IOException {
    Optional<PosixStatus> found = PosixStatus.of(file);
    if (found.isEmpty()) {
      return;
    }
    PosixStatus status = found.get();
    requireTrusted(file, status);
    if (status.isWritableByOthers()) {
      if (status.isOwn()) {
        narrow(file, status.permissions() & ~OTHERS_WRITE);
      } else {
        refuse(file, status, writable(file));
      }
    }
  }

  /** Returns the contents of a published file of less than 2 GiB; throws like {@link #open}. */
  public static byte[] read(Path file) throws IOException {
    try (FileChannel channel = open(file)) {
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(channel.size()));
      int count = 0;
      while (count >= 0 && bytes.hasRemaining()) {
        count = channel.read(bytes);
      }
      return Arrays.copyOf(bytes.array(), bytes.position());
    }
  }

  /** Creates a file with mode 0600 for writing; its path must not exist. */
  public static FileChannel create(Path file) throws IOException {
    return FileChannel.open(
        file,
        Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS),
        attributes(WRITTEN));
  }

  /**
   * Opens a file of this user for reading and writing; creates it with mode 0600 if it is missing.
   */
  public static FileChannel openOrCreate(Path file) throws IOException {
    return FileChannel.open(
        file,
        Set.of(
            StandardOpenOption.CREATE,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS),
        attributes(WRITTEN));
  }

  /** Sets the mode of a complete file to 0444 before it is published. */
  public static void seal(Path file) throws IOException {
    if (isPosix()) {
      try {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(PUBLISHED));
      } catch (IOException | UnsupportedOperationException e) {
        logger.debug("{}: its file system keeps no modes: {}", file, e.toString());
      }
    }
  }

  /**
   * Publishes a file in place of an earlier one. The rename is atomic, and the bytes are synced
   * before it, so that a reader finds one of both files whole, also after a power failure.
   *
   * @param directory as {@link #directory} returns it
   * @param name name of the file in it
   * @throws IOException if it cannot be written; the earlier file is as before
   */
  public static void replace(Path directory, String name, byte[] bytes) throws IOException {
    Path temporary = directory.resolve("%s.%s.tmp".formatted(name, UUID.randomUUID()));
    try {
      try (FileChannel channel = create(temporary)) {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        while (rest.hasRemaining()) {
          channel.write(rest);
        }
        channel.force(true);
      }
      seal(temporary);
      Files.move(
          temporary,
          directory.resolve(name),
          StandardCopyOption.ATOMIC_MOVE,
          StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(temporary);
    }
  }

  private static void requireTrusted(Path path, PosixStatus status) throws IOException {
    if (!status.isTrusted()) {
      refuse(
          path,
          status,
          new UntrustedPathException(
              "%s: expected the owner to be user %s, which this process runs as, or root, got user %d; change its owner (chown -R), or set calm.cache-dir to another directory"
                  .formatted(path, PosixStatus.self(), status.uid())));
    }
  }

  private static void refuse(Path path, PosixStatus status, UntrustedPathException reason)
      throws IOException {
    String fileSystem = Files.getFileStore(path).type();
    if (status.isMeant(fileSystem)) {
      throw reason;
    }
    if (WARNED.add(path)) {
      logger.warn(
          "{}; the path is used nevertheless, since its file system ({}) does not keep owners and modes",
          reason.getMessage(),
          fileSystem);
    }
  }

  private static UntrustedPathException writable(Path path) {
    return new UntrustedPathException(
        "%s: expected that its owner alone can write it, but its group or all users can; run chmod go-w on it, or set calm.cache-dir to another directory"
            .formatted(path));
  }

  private static String kind(Path path) {
    return Files.isSymbolicLink(path) ? "a symbolic link" : "something else";
  }

  /** Removes permissions; logs a line if the file system keeps no modes or is read-only. */
  private static void narrow(Path path, int mode) {
    try {
      Files.setPosixFilePermissions(path, permissions(mode));
      logger.info("{}: mode set to {}", path, Integer.toOctalString(mode));
    } catch (IOException | UnsupportedOperationException e) {
      logger.info(
          "{}: its mode cannot be set to {}: {}", path, Integer.toOctalString(mode), e.toString());
    }
  }

  private static Set<PosixFilePermission> permissions(int mode) {
    StringBuilder text = new StringBuilder();
    for (int bit = 8; bit >= 0; bit--) {
      text.append((mode >> bit & 1) == 0 ? '-' : "rwx".charAt(2 - bit % 3));
    }
    return PosixFilePermissions.fromString(text.toString());
  }

  private static boolean isPosix() {
    return FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
  }

  private static FileAttribute<?>[] attributes(String permissions) {
    return isPosix()
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions))
        }
        : new FileAttribute<?>[0];
  }
}
