package io.calm.artifact;

import io.calm.tensor.Parallel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.zip.CRC32C;

/**
 * Computes CRC-32C of the parts of a file, at about the speed of memory.
 *
 * <p>Parts are read, not mapped. If the file is truncated meanwhile, a read returns fewer bytes; an
 * access to a missing mapped page would end the process in the machine code of the checksum.
 */
final class Checksums {
  private static final int MAX_THREADS = 8;
  private static final int BUFFER = 1 << 20;

  private Checksums() {}

  /** A part of a file and its expected checksum. */
  record Expected(String name, long offset, long length, String crc32c) {
    Optional<String> verify(FileChannel file, ByteBuffer buffer) throws IOException {
      CRC32C checksum = new CRC32C();
      long end = offset + length;
      for (long at = offset; at < end; ) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
        int count = file.read(buffer, at);
        if (count < 0) {
          return Optional.of(
              "%s: expected bytes up to %d, the file ends at %d".formatted(name, end, at));
        }
        checksum.update(buffer.flip());
        at += count;
      }
      String got = hex(checksum);
      return got.equals(crc32c)
          ? Optional.empty()
          : Optional.of("%s: expected CRC-32C %s, got %s".formatted(name, crc32c, got));
    }
  }

  static String hex(CRC32C checksum) {
    return HexFormat.of().toHexDigits((int) checksum.getValue());
  }

  /**
   * Returns a description of the first part that differs; empty if none does. Uses all processors.
   *
   * @throws IOException if a part cannot be read, which does not show that it differs
   */
  static Optional<String> verify(FileChannel file, List<Expected> parts) throws IOException {
    AtomicReferenceArray<Optional<String>> results = new AtomicReferenceArray<>(parts.size());
    int threads = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
    try (Parallel parallel = new Parallel(threads)) {
      parallel.ranges(
          parts.size(),
          (from, to) -> {
            ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER);
            for (int i = from; i < to; i++) {
              results.set(i, verified(file, parts.get(i), buffer));
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
    for (int i = 0; i < parts.size(); i++) {
      if (results.get(i).isPresent()) {
        return results.get(i);
      }
    }
    return Optional.empty();
  }

  private static Optional<String> verified(FileChannel file, Expected part, ByteBuffer buffer) {
    try {
      return part.verify(file, buffer);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
