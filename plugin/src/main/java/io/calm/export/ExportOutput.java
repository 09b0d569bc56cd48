package io.calm.export;

import io.calm.text.Printable;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.SecureRandom;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * An output that appears whole or not at all. It is written under a temporary name beside the given
 * one and renamed by {@link #publish}. An existing file or directory is never replaced.
 *
 * <p>{@link #close} deletes what was not published. A shutdown, e.g. by Ctrl-C, interrupts the
 * thread that opened the output, waits for it to close, and deletes the rest. Not thread safe.
 */
public final class ExportOutput implements AutoCloseable {
  private static final int MAX_PATH = 2000;
  private static final int BUFFER = 1 << 20;
  private static final long SHUTDOWN_SECONDS = 10;
  private static final SecureRandom RANDOM = new SecureRandom();

  /** The kind of an output. */
  public enum Kind {
    FILE,
    DIRECTORY
  }

  private final Path target;
  private final Path temporary;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread hook;

  private ExportOutput(Path target, Path temporary) {
    this.target = target;
    this.temporary = temporary;
    Thread owner = Thread.currentThread();
    this.hook = new Thread(() -> abandon(owner), "calm-export-cleanup");
    Runtime.getRuntime().addShutdownHook(hook);
  }

  /**
   * Checks that {@code target} can be made, without making anything.
   *
   * @throws ExportException if it exists, or its directory does not or is not writable
   */
  public static void requireFree(Path target) {
    Path absolute = target.toAbsolutePath().normalize();
    @Nullable Path parent = absolute.getParent();
    if (parent == null || Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
      throw taken(target);
    }
    if (!Files.isDirectory(parent)) {
      throw ExportException.refused(
          where(target),
          "a name in an existing directory",
          Printable.of(parent, MAX_PATH) + ", which is none",
          "create that directory first");
    }
    if (!Files.isWritable(parent)) {
      throw ExportException.refused(
          where(target),
          "a name in a directory that is writable",
          Printable.of(parent, MAX_PATH) + ", which is not",
          "choose another one or change its permissions");
    }
    requireName(target, absolute);
  }

  /** Requires a name that the file system can have: a search of hours may follow. */
  private static void requireName(Path target, Path absolute) {
    try {
      Files.readAttributes(absolute, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      // free, as it should be
    } catch (IOException e) {
      throw ExportException.refused(
          where(target), "a name that the file system accepts", reason(e), "choose another name");
    }
  }

  /** Returns what is wrong; a denied access is named by its exception alone. */
  static String reason(IOException e) {
    @Nullable String reason = e instanceof FileSystemException f ? f.getReason() : e.getMessage();
    return reason == null ? e.toString() : reason;
  }

  /**
   * Makes the temporary stand-in of {@code target}.
   *
   * @throws ExportException as {@link #requireFree}
   */
  public static ExportOutput open(Path target, Kind kind) throws IOException {
    requireFree(target);
    Path absolute = target.toAbsolutePath().normalize();
    Path temporary =
        absolute.resolveSibling(".calm-export-%08x.partial".formatted(RANDOM.nextInt()));
    if (kind == Kind.FILE) {
      Files.createFile(temporary);
    } else {
      Files.createDirectory(temporary);
    }
    return new ExportOutput(absolute, temporary);
  }

  private static String where(Path target) {
    return "--out " + Printable.of(target, MAX_PATH);
  }

  private static ExportException taken(Path target) {
    return ExportException.refused(
        where(target),
        "a name that is not in use",
        "one that exists",
        "choose another name, or delete it first");
  }

  /**
   * Opens a buffered stream to a file of an output. A shutdown ends a write to it with a {@link
   * java.nio.channels.ClosedByInterruptException}.
   *
   * @param file created, or truncated if it exists
   */
  public static OutputStream stream(Path file) throws IOException {
    FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING);
    return new BufferedOutputStream(Channels.newOutputStream(channel), BUFFER);
  }

  /** Returns the path to write to: an empty file or an empty directory. */
  public Path path() {
    return temporary;
  }

  /**
   * Syncs the output and gives it its name.
   *
   * @throws ExportException if the name has been taken since {@link #open}
   */
  public void publish() throws IOException {
    for (Path file : deepestFirst()) {
      if (Files.isDirectory(file)) {
        syncDirectory(file);
      } else if (Files.isRegularFile(file)) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
    }
    try {
      if (Files.isRegularFile(temporary)) {
        link();
      } else {
        Files.move(temporary, target);
      }
    } catch (FileAlreadyExistsException e) {
      throw taken(target);
    }
    @Nullable Path parent = target.getParent();
    if (parent != null) {
      syncDirectory(parent);
    }
  }

  /** Gives a file its name. A link never replaces a file; a move might, in a race. */
  private void link() throws IOException {
    try {
      Files.createLink(target, temporary);
    } catch (FileAlreadyExistsException e) {
      throw e;
    } catch (UnsupportedOperationException | FileSystemException e) { // e.g. on FAT
      Files.move(temporary, target);
      return;
    }
    Files.delete(temporary);
  }

  /** Writes the names of a directory's files to the disk. */
  private static void syncDirectory(Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (FileSystemException e) {
      // A system whose directories cannot be opened, e.g. Windows, has no such sync.
    }
  }

  /** Deletes the output unless it was published. */
  @Override
  public void close() throws IOException {
    try {
      delete();
    } finally {
      closed.countDown();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        // The JVM is shutting down: the hook runs already, and ends now.
      }
    }
  }

  private void delete() throws IOException {
    for (Path file : deepestFirst()) {
      Files.deleteIfExists(file);
    }
  }

  /** Returns every file of the output and then the output itself; empty if it is published. */
  private List<Path> deepestFirst() throws IOException {
    if (!Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
      return List.of();
    }
    try (Stream<Path> files = Files.walk(temporary)) {
      return files.sorted(Comparator.reverseOrder()).toList();
    }
  }

  /** Deletes the output at a shutdown, after its thread has stopped writing or a time limit. */
  private void abandon(Thread owner) {
    if (!Files.exists(temporary, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    owner.interrupt();
    try {
      closed.await(SHUTDOWN_SECONDS, TimeUnit.SECONDS);
      delete();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (IOException e) {
      System.err.printf("calm: %s could not be deleted: %s%n", temporary, e);
    }
  }
}
