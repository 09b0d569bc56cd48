package io.calm.export;

import io.calm.text.Printable;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
   * Checks that {@code target} can be made, and makes its temporary stand-in.
   *
   * @throws ExportException if the target exists, or its directory does not or is not writable
   */
  public static ExportOutput open(Path target, Kind kind) throws IOException {
    Path absolute = target.toAbsolutePath().normalize();
    @Nullable Path parent = absolute.getParent();
    @Nullable Path name = absolute.getFileName();
    String where = "--out " + Printable.of(target, MAX_PATH);
    if (parent == null || name == null || Files.exists(absolute, LinkOption.NOFOLLOW_LINKS)) {
      throw taken(target);
    }
    if (!Files.isDirectory(parent)) {
      throw ExportException.refused(
          where,
          "a name in an existing directory",
          Printable.of(parent, MAX_PATH) + ", which is none",
          "create that directory first");
    }
    Path temporary =
        parent.resolve(".%s.%08x.partial".formatted(name, RANDOM.nextInt() & 0xffffffffL));
    try {
      if (kind == Kind.FILE) {
        Files.createFile(temporary);
      } else {
        Files.createDirectory(temporary);
      }
    } catch (AccessDeniedException e) {
      throw new ExportException(
          "%s: expected a directory that is writable, got %s, which is not; choose another one"
              .formatted(where, Printable.of(parent, MAX_PATH)),
          e);
    }
    return new ExportOutput(absolute, temporary);
  }

  private static ExportException taken(Path target) {
    return ExportException.refused(
        "--out " + Printable.of(target, MAX_PATH),
        "a name that is not in use",
        "one that exists",
        "choose another name, or delete it first");
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
      if (Files.isRegularFile(file)) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
          channel.force(true);
        }
      }
    }
    try {
      Files.move(temporary, target);
    } catch (FileAlreadyExistsException e) {
      throw taken(target);
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
