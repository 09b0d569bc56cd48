package io.calm.artifact;

import io.calm.tensor.Parallel;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.zip.CRC32C;

/** CRC-32C, which the processor computes at about the speed of memory. */
final class Checksums {
  private static final int MAX_THREADS = 8;

  private Checksums() {}

  /** Bytes and what they must be. */
  record Expected(String name, ByteBuffer bytes, String crc32c) {
    Optional<String> verify() {
      CRC32C checksum = new CRC32C();
      checksum.update(bytes.duplicate());
      String got = hex(checksum);
      return got.equals(crc32c)
          ? Optional.empty()
          : Optional.of("%s: expected CRC-32C %s, got %s".formatted(name, crc32c, got));
    }
  }

  static String hex(CRC32C checksum) {
    return HexFormat.of().toHexDigits((int) checksum.getValue());
  }

  /** Returns what is wrong with the first of {@code parts} that differs; all processors help. */
  static Optional<String> verify(List<Expected> parts) {
    AtomicReferenceArray<Optional<String>> results = new AtomicReferenceArray<>(parts.size());
    int threads = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
    try (Parallel parallel = new Parallel(threads)) {
      parallel.ranges(
          parts.size(),
          (from, to) -> {
            for (int i = from; i < to; i++) {
              results.set(i, unlessUnreadable(parts.get(i)));
            }
          });
    }
    for (int i = 0; i < parts.size(); i++) {
      if (results.get(i).isPresent()) {
        return results.get(i);
      }
    }
    return Optional.empty();
  }

  /** A mapped page that the disk cannot give, or a file cut short since, is an InternalError. */
  private static Optional<String> unlessUnreadable(Expected part) {
    try {
      return part.verify();
    } catch (InternalError e) {
      return Optional.of("%s: cannot be read: %s".formatted(part.name(), e.getMessage()));
    }
  }
}
