package io.calm.artifact;

import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The right of one thread on this machine to write one artifact.
 *
 * <p>It consists of a file lock, which the operating system releases when the process ends, however
 * it ends, and a semaphore. The semaphore is needed because a file lock belongs to the process and
 * is released when any channel of the file is closed. For the same reason, a channel stays open if
 * its file is locked by a second copy of this class, from another class loader. The file names the
 * holder, for people.
 */
final class KeyLock implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(KeyLock.class);
  private static final Map<Path, Semaphore> IN_PROCESS = new ConcurrentHashMap<>();

  /** Open channels of files that another copy of this class had locked, for the next attempt. */
  private static final Map<Path, FileChannel> OVERLAPPED = new ConcurrentHashMap<>();

  private static final long POLL_MILLIS = 50;
  private static final int MAX_HOLDER = 200;

  private final Semaphore semaphore;
  private final FileChannel channel;

  private KeyLock(Semaphore semaphore, FileChannel channel) {
    this.semaphore = semaphore;
    this.channel = channel;
  }

  /** Acquires the lock. If another process holds it, logs its name once and waits. */
  static KeyLock acquire(Path file) throws IOException, InterruptedException {
    Semaphore semaphore = semaphore(file);
    if (!semaphore.tryAcquire()) {
      logger.info("{}: waiting for another thread that makes this artifact", file);
      semaphore.acquire();
    }
    return withFileLock(semaphore, file, true)
        .orElseThrow(() -> new IllegalStateException("a lock that was waited for is held"));
  }

  /** Acquires the lock if it is free. */
  static Optional<KeyLock> tryAcquire(Path file) throws IOException, InterruptedException {
    Semaphore semaphore = semaphore(file);
    return semaphore.tryAcquire() ? withFileLock(semaphore, file, false) : Optional.empty();
  }

  private static Semaphore semaphore(Path file) {
    return IN_PROCESS.computeIfAbsent(file.toAbsolutePath().normalize(), path -> new Semaphore(1));
  }

  /** Acquires the file lock in addition to the semaphore, or releases the semaphore. */
  private static Optional<KeyLock> withFileLock(Semaphore semaphore, Path file, boolean wait)
      throws IOException, InterruptedException {
    Optional<FileChannel> locked = Optional.empty();
    try {
      locked = lock(file, wait);
      return locked.map(channel -> new KeyLock(semaphore, channel));
    } finally {
      if (locked.isEmpty()) {
        semaphore.release();
      }
    }
  }

  private static Optional<FileChannel> lock(Path file, boolean wait)
      throws IOException, InterruptedException {
    Path key = file.toAbsolutePath().normalize();
    FileChannel overlapped = OVERLAPPED.remove(key);
    FileChannel channel = overlapped == null ? PrivateFiles.openOrCreate(file) : overlapped;
    Attempt attempt = overlapped == null ? Attempt.OTHER_PROCESS : Attempt.OTHER_COPY;
    try {
      attempt = tryLock(channel);
      for (int polls = 0; attempt != Attempt.LOCKED && wait; polls++) {
        if (polls == 1) { // not 0: the holder may have yet to write its name
          logger.info("{}: waiting for {}, which makes this artifact", file, holder(channel));
        }
        Thread.sleep(POLL_MILLIS);
        attempt = tryLock(channel);
      }
      if (attempt != Attempt.LOCKED) {
        return Optional.empty();
      }
      nameHolder(file, channel);
      return Optional.of(channel);
    } finally {
      if (attempt == Attempt.OTHER_COPY) {
        OVERLAPPED.put(key, channel);
      } else if (attempt == Attempt.OTHER_PROCESS) {
        channel.close();
      }
    }
  }

  private enum Attempt {
    LOCKED,
    OTHER_PROCESS,
    OTHER_COPY
  }

  private static Attempt tryLock(FileChannel channel) throws IOException {
    try {
      return channel.tryLock() == null ? Attempt.OTHER_PROCESS : Attempt.LOCKED;
    } catch (OverlappingFileLockException e) {
      return Attempt.OTHER_COPY; // the plugin was loaded twice
    }
  }

  private static String holder(FileChannel channel) throws IOException {
    ByteBuffer text = ByteBuffer.allocate(MAX_HOLDER);
    channel.read(text, 0);
    String holder = new String(text.array(), 0, text.position(), StandardCharsets.UTF_8).strip();
    return holder.isEmpty() ? "another process" : holder;
  }

  /** Writes the process that holds the lock, for messages. The lock holds without it. */
  private static void nameHolder(Path file, FileChannel channel) throws IOException {
    String holder =
        "process %d, since %s\n"
            .formatted(
                ProcessHandle.current().pid(), Instant.now().truncatedTo(ChronoUnit.SECONDS));
    try {
      channel.truncate(0);
      channel.write(ByteBuffer.wrap(holder.getBytes(StandardCharsets.UTF_8)), 0);
    } catch (ClosedChannelException e) { // by an interrupt: the lock is lost
      throw e;
    } catch (IOException e) {
      logger.debug("{}: the holder of the lock could not be written", file, e);
    }
  }

  @Override
  public void close() {
    if (!channel.isOpen()) {
      return;
    }
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } finally {
      semaphore.release();
    }
  }
}
