package io.calm.bench;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/** The upper limits of this machine: memory bandwidth and integer multiply-adds. */
final class Machine {
  private static final Path CACHES = Path.of("/sys/devices/system/cpu/cpu0/cache");
  private static final long ASSUMED_CACHE = 32L << 20;
  private static final long MIN_RING = 256L << 20;
  private static final long MAX_RING = 1L << 30;
  private static final int PASSES = 3;

  private final NativeBench bench;
  private final ByteBuffer buffer;

  /** Allocates the memory that {@link #readBandwidth} reads. */
  Machine(NativeBench bench) {
    this(bench, ringBytes());
  }

  /**
   * @param bytes of the memory that {@link #readBandwidth} reads
   */
  Machine(NativeBench bench, long bytes) {
    this.bench = bench;
    this.buffer = RandomBytes.direct(bytes, new SplittableRandom(1));
  }

  /** Returns the size of memory that no cache holds: at least four times the last level. */
  static long ringBytes() {
    return Math.min(MAX_RING, Math.max(MIN_RING, 4 * lastLevelCache()));
  }

  /** Returns the bytes of the last level of cache as Linux reports them, or 32 MiB. */
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

  /** Returns the bytes per second that the threads read from memory. */
  double readBandwidth() {
    return bench.readBandwidth(buffer, PASSES);
  }

  /** Returns the integer multiply-adds per second on registers; 0 if the variant has no figure. */
  double integerPeak() {
    return bench.integerPeak();
  }

  /** Returns the float32 multiply-adds per second on registers; 0 if the variant has no figure. */
  double floatPeak() {
    return bench.floatPeak();
  }
}
