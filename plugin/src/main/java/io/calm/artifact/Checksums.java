package io.calm.artifact;

import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
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
    AtomicInteger next = new AtomicInteger();
    AtomicReferenceArray<Optional<String>> results = new AtomicReferenceArray<>(parts.size());
    Runnable loop =
        () -> {
          for (int i = next.getAndIncrement(); i < parts.size(); i = next.getAndIncrement()) {
            results.set(i, unlessUnreadable(parts.get(i)));
          }
        };
    int threads = Math.min(MAX_THREADS, Runtime.getRuntime().availableProcessors());
    Thread[] helpers = new Thread[threads - 1];
    for (int i = 0; i < helpers.length; i++) {
      helpers[i] = new Thread(loop, "calm-checksum-" + (i + 1));
      helpers[i].setDaemon(true);
      helpers[i].start();
    }
    loop.run();
    for (Thread helper : helpers) {
      join(helper);
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

  private static void join(Thread thread) {
    boolean interrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
