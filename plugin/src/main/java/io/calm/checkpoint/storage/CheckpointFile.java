package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.files.FileErrors;
import io.calm.files.FileStamp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;

/**
 * A checkpoint file of any size, read at arbitrary offsets. Thread safe.
 *
 * <p>Uses positional reads rather than memory mapping. If a mapped file is truncated, the JVM
 * throws an InternalError at an arbitrary later point of the reading thread, which can leave a
 * thread pool that cannot be shut down.
 *
 * <p>A read also succeeds on an interrupted thread, although an interrupt closes a {@link
 * FileChannel}: the interrupt is set aside during the read and then restored. If an interrupt
 * arrives within a read, the file is opened again, provided that it is still the same file.
 */
public final class CheckpointFile {
  /** Maximum size of one read: a thread keeps direct memory of the size of its largest one. */
  static final int PIECE_BYTES = 1 << 20;

  private final FileStamp stamp;
  private volatile FileChannel channel;
  private boolean closed;

  private CheckpointFile(FileStamp stamp, FileChannel channel) {
    this.stamp = stamp;
    this.channel = channel;
  }

  /**
   * Opens a file.
   *
   * @throws CheckpointException if it is missing, is not a regular file, or cannot be opened
   */
  public static CheckpointFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw CheckpointException.refused(
          path.toString(), "a file", missing(path), "check that the download is complete");
    }
    try {
      FileStamp stamp = FileStamp.of(path);
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      return new CheckpointFile(stamp, channel);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Returns the stamp of a file that is read by name later. A stamp that is taken before the read
   * shows every replacement since.
   *
   * @throws CheckpointException if the file is gone
   */
  public static FileStamp stamp(Path path) {
    try {
      return FileStamp.of(path);
    } catch (IOException e) {
      throw new CheckpointException(
          "%s: expected a file, got %s; restore it and load again"
              .formatted(path, FileErrors.reason(e)),
          e);
    }
  }

  private static CheckpointException unreadable(Path path, IOException e) {
    return CheckpointException.refused(
        path.toString(), "a readable file", FileErrors.reason(e), "check its permissions", e);
  }

  private static String missing(Path path) {
    if (Files.isSymbolicLink(path) && !Files.exists(path)) {
      return "a symbolic link whose target is missing";
    }
    return Files.exists(path) ? "no regular file" : "no such file";
  }

  public Path path() {
    return stamp.path();
  }

  public long size() {
    return stamp.size();
  }

  /** Returns the stamp that was taken just before the file was opened. */
  public FileStamp stamp() {
    return stamp;
  }

  /**
   * Reads {@code length} bytes at {@code offset} into the start of {@code target}.
   *
   * @throws CheckpointException if the file was truncated after it was opened, or cannot be read
   * @throws IllegalStateException if the file is closed
   * @throws IndexOutOfBoundsException if the range is not within the size that the file had when
   *     opened
   */
  public void read(long offset, byte[] target, int length) {
    if (offset < 0 || length > size() - offset) {
      throw new IndexOutOfBoundsException("%d bytes at %d of %d".formatted(length, offset, size()));
    }
    // A read on an interrupted thread would close the channel.
    boolean interrupted = Thread.interrupted();
    try {
      ByteBuffer bytes = ByteBuffer.wrap(target, 0, length);
      while (bytes.position() < length) {
        FileChannel current = channel;
        bytes.limit((int) Math.min(length, (long) bytes.position() + PIECE_BYTES));
        try {
          if (current.read(bytes, offset + bytes.position()) < 0) {
            throw truncated(current.size());
          }
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          reopen(current);
        }
      }
    } catch (IOException e) {
      throw unreadable(path(), e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private CheckpointException truncated(long now) {
    return new CheckpointException(
        "%s: expected %d bytes, as it was opened, got %d: it was cut short while in use; restore it and load again"
            .formatted(path(), size(), now));
  }

  /** Opens the file again after an interrupt has closed the channel. */
  private synchronized void reopen(FileChannel interrupted) throws IOException {
    if (closed) {
      throw new IllegalStateException("%s: the file is closed".formatted(path()));
    }
    if (channel == interrupted) {
      if (!Objects.equals(FileStamp.of(path()).identity(), stamp.identity())) {
        throw new IOException("the file was replaced");
      }
      channel = FileChannel.open(path(), StandardOpenOption.READ);
    }
  }

  /** Closes the file; a read that is under way fails. */
  synchronized void close() {
    closed = true;
    try {
      channel.close();
    } catch (IOException e) {
      throw unreadable(path(), e);
    }
  }

  @Override
  public String toString() {
    return path().toString();
  }
}
