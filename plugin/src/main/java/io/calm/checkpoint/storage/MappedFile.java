package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.files.FileStamp;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file of any size that is read at random places. Thread safe.
 *
 * <p>Reads are system calls, not copies of mapped memory: a read of a mapped file that is cut short
 * makes the JVM throw an InternalError at any later place of the thread, even inside a thread pool,
 * which then cannot be shut down. The file is closed when the last reference goes.
 */
public final class MappedFile {
  private final Path path;
  private final long size;
  private final @Nullable Object identity;
  private volatile FileChannel channel;

  private MappedFile(Path path, long size, @Nullable Object identity, FileChannel channel) {
    this.path = path;
    this.size = size;
    this.identity = identity;
    this.channel = channel;
  }

  /**
   * Opens {@code path}.
   *
   * @throws CheckpointException if it is missing, is no regular file, or cannot be opened
   */
  public static MappedFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw CheckpointException.refused(
          path.toString(), "a file", missing(path), "check that the download is complete");
    }
    try {
      Object identity = FileStamp.of(path).identity();
      FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
      return new MappedFile(path, channel.size(), identity, channel);
    } catch (IOException e) {
      throw unreadable(path, e);
    }
  }

  private static CheckpointException unreadable(Path path, IOException e) {
    return CheckpointException.refused(
        path.toString(), "a file that can be read", e, "check its permissions", e);
  }

  private static String missing(Path path) {
    if (Files.isSymbolicLink(path) && !Files.exists(path)) {
      return "a symbolic link whose target is missing";
    }
    return Files.exists(path) ? "something else" : "nothing there";
  }

  public Path path() {
    return path;
  }

  public long size() {
    return size;
  }

  /**
   * Copies {@code length} bytes from {@code offset} on to the start of {@code target}.
   *
   * @throws CheckpointException if the file was cut short since it was opened, or cannot be read
   */
  public void read(long offset, byte[] target, int length) {
    if (offset < 0 || length > size - offset) {
      throw new IndexOutOfBoundsException("%d bytes at %d of %d".formatted(length, offset, size));
    }
    boolean interrupted =
        Thread.interrupted(); // a read of an interrupted thread closes the channel
    try {
      ByteBuffer bytes = ByteBuffer.wrap(target, 0, length);
      while (bytes.hasRemaining()) {
        FileChannel current = channel;
        try {
          if (current.read(bytes, offset + bytes.position()) < 0) {
            throw cutShort(current.size());
          }
        } catch (ClosedChannelException e) {
          interrupted |= Thread.interrupted();
          reopen(current);
        }
      }
    } catch (IOException e) {
      throw unreadable(path, e);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private CheckpointException cutShort(long now) {
    return new CheckpointException(
        "%s: expected %d bytes, as it was opened, got %d: it was cut short while in use; restore it and load again"
            .formatted(path, size, now));
  }

  /** Opens the file again after an interrupt has closed it. */
  private synchronized void reopen(FileChannel closed) throws IOException {
    if (channel == closed) {
      if (!Objects.equals(FileStamp.of(path).identity(), identity)) {
        throw new IOException("another file has taken its place");
      }
      channel = FileChannel.open(path, StandardOpenOption.READ);
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
