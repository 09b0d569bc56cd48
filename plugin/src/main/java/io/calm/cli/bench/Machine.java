package io.calm.cli.bench;

import io.calm.kernels.NativeKernels;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** What the machine could do at best. */
public final class Machine {
  private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");
  private static final long ASSUMED_CACHE = 32L << 20;
  private static final long LEAST_RING = 256L << 20;
  private static final long MOST_RING = 1L << 30;
  private static final int PASSES = 3;

  private final int threads;
  private final ByteBuffer buffer;

  /** Allocates what {@link #readBandwidth} reads. */
  public Machine(int threads) {
    this.threads = threads;
    this.buffer = RandomBytes.direct(ringBytes(), new SplittableRandom(1));
  }

  /** Returns the size of memory that no cache holds: at least four times the last level. */
  public static long ringBytes() {
    return Math.min(MOST_RING, Math.max(LEAST_RING, 4 * lastLevelCache()));
  }

  /** Returns the bytes of the last level of cache, as Linux tells, or 32 MiB. */
  static long lastLevelCache() {
    try (Stream<Path> levels = Files.list(CACHES)) {
      return sizes(levels.map(level -> level.resolve("size")).toList());
    } catch (IOException e) {
      return ASSUMED_CACHE;
    }
  }

  private static long sizes(List<Path> files) throws IOException {
    long largest = 0;
    for (Path file : files) {
      if (Files.exists(file)) {
        largest = Math.max(largest, kibibytes(Files.readString(file).strip()) << 10);
      }
    }
    return largest == 0 ? ASSUMED_CACHE : largest;
  }

  private static long kibibytes(String size) {
    return size.matches("\\d+K") ? Long.parseLong(size.substring(0, size.length() - 1)) : 0;
  }

  /** Returns the bytes a second that the threads read from memory. */
  public double readBandwidth() {
    return NativeKernels.readBandwidth(buffer, buffer.capacity(), threads, PASSES);
  }
}
