package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import java.io.IOException;
import java.nio.MappedByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file of any size, mapped read-only in windows of 1 GiB. Thread safe.
 *
 * <p>The mappings live until the last reference goes: Java 17 cannot unmap safely while another
 * thread may read.
 */
public final class MappedFile {
  private static final int WINDOW_BITS = 30;
  private static final long WINDOW = 1L << WINDOW_BITS;

  private final Path path;
  private final long size;
  private final MappedByteBuffer[] windows;

  private MappedFile(Path path, long size, MappedByteBuffer[] windows) {
    this.path = path;
    this.size = size;
    this.windows = windows;
  }

  /**
   * Maps {@code path}.
   *
   * @throws CheckpointException if it is missing, is no regular file, or cannot be mapped
   */
  public static MappedFile open(Path path) {
    if (!Files.isRegularFile(path)) {
      throw CheckpointException.refused(
          path.toString(), "a file", missing(path), "check that the download is complete");
    }
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
      long size = channel.size();
      MappedByteBuffer[] windows =
          new MappedByteBuffer[Math.toIntExact((size + WINDOW - 1) >>> WINDOW_BITS)];
      for (int i = 0; i < windows.length; i++) {
        long from = (long) i << WINDOW_BITS;
        windows[i] =
            channel.map(FileChannel.MapMode.READ_ONLY, from, Math.min(WINDOW, size - from));
      }
      return new MappedFile(path, size, windows);
    } catch (IOException e) {
      throw CheckpointException.refused(
          path.toString(),
          "a file that can be mapped",
          e,
          "check its permissions and the limit of mapped memory",
          e);
    }
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
   * @throws InternalError if the file was cut short since it was opened, perhaps only after this
   *     method has returned
   */
  public void read(long offset, byte[] target, int length) {
    if (offset < 0 || length > size - offset) {
      throw new IndexOutOfBoundsException("%d bytes at %d of %d".formatted(length, offset, size));
    }
    int done = 0;
    while (done < length) {
      long at = offset + done;
      MappedByteBuffer window = windows[(int) (at >>> WINDOW_BITS)];
      int start = (int) (at & (WINDOW - 1));
      int part = Math.min(length - done, window.limit() - start);
      window.get(start, target, done, part);
      done += part;
    }
  }

  @Override
  public String toString() {
    return path.toString();
  }
}
