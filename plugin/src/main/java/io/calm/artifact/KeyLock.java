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
import java.util.function.Consumer;
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

  /** Number of polls between two reports of a wait. */
  private static final int POLLS_PER_REPORT = 10;

  /** Number of polls of a lock that another waiter may hold for a moment. */
  private static final int SHORT_POLLS = 4;

  private static final int MAX_HOLDER = 200;

  private final Semaphore semaphore;
  private final FileChannel channel;

  private KeyLock(Semaphore semaphore, FileChannel channel) {
    this.semaphore = semaphore;
    this.channel = channel;
  }

  /** Acquires the lock unless another thread or process holds it for longer than a moment. */
  static Optional<KeyLock> acquire(Path file) throws IOException, InterruptedException {
    Optional<KeyLock> lock = tryAcquire(file);
    for (int polls = 0; lock.isEmpty() && polls < SHORT_POLLS; polls++) {
      Thread.sleep(POLL_MILLIS);
      lock = tryAcquire(file);
    }
    return lock;
  }

  /**
   * Waits until no other thread or process holds the lock, and logs its holder once. The lock is
   * free afterwards.
   *
   * @param waiting called about twice a second; an exception that it throws ends the wait
   */
  static void awaitFree(Path file, Runnable waiting) throws IOException, InterruptedException {
    for (int polls = 0; ; polls++) {
      boolean named = polls == 1; // not 0: the holder may have yet to write its name
      Optional<KeyLock> lock =
          tryAcquire(
              file,
              holder -> {
                if (named) {
                  logger.info("{}: waiting for {}, which makes this artifact", file, holder);
                }
              });
      if (lock.isPresent()) {
        lock.get().close();
        return;
      }
      if (polls % POLLS_PER_REPORT == 0) {
        waiting.run();
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /** Acquires the lock if it is free. */
  static Optional<KeyLock> tryAcquire(Path file) throws IOException {
    return tryAcquire(file, holder -> {});
  }

  /**
   * Acquires the lock if it is free.
   *
   * @param held receives a description of its holder if it is not
   */
  private static Optional<KeyLock> tryAcquire(Path file, Consumer<String> held) throws IOException {
    Semaphore semaphore = semaphore(file);
    if (!semaphore.tryAcquire()) {
      held.accept("another thread");
      return Optional.empty();
    }
    return withFileLock(semaphore, file, held);
  }

  private static Semaphore semaphore(Path file) {
    return IN_PROCESS.computeIfAbsent(file.toAbsolutePath().normalize(), path -> new Semaphore(1));
  }

  /** Acquires the file lock in addition to the semaphore, or releases the semaphore. */
  private static Optional<KeyLock> withFileLock(
      Semaphore semaphore, Path file, Consumer<String> held) throws IOException {
    Optional<FileChannel> locked = Optional.empty();
    try {
      locked = lock(file, held);
      return locked.map(channel -> new KeyLock(semaphore, channel));
    } finally {
      if (locked.isEmpty()) {
        semaphore.release();
      }
    }
  }

  private static Optional<FileChannel> lock(Path file, Consumer<String> held) throws IOException {
    Path key = file.toAbsolutePath().normalize();
    FileChannel overlapped = OVERLAPPED.remove(key);
    FileChannel channel = overlapped == null ? PrivateFiles.openOrCreate(file) : overlapped;
    Attempt attempt = overlapped == null ? Attempt.OTHER_PROCESS : Attempt.OTHER_COPY;
    try {
      attempt = tryLock(channel);
      if (attempt != Attempt.LOCKED) {
        held.accept(holder(channel));
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
