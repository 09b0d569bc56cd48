package io.calm.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.LongBuffer;
import java.util.SplittableRandom;

/** Direct memory full of random bits, aligned to cache lines as an artifact's sections are. */
final class RandomBytes {
  private static final int LINE = 64;

  private RandomBytes() {}

  /** Returns {@code size} bytes, a multiple of 8, little-endian. */
  static ByteBuffer direct(long size, SplittableRandom random) {
    return direct(size, random, 0);
  }

  /** Returns the same with the bits of {@code always} set in every eight bytes. */
  static ByteBuffer direct(long size, SplittableRandom random, long always) {
    ByteBuffer bytes = zeros(size);
    LongBuffer words = bytes.asLongBuffer();
    for (int i = 0; i < words.capacity(); i++) {
      words.put(i, random.nextLong() | always);
    }
    return bytes;
  }

  /** Returns {@code size} zeros. */
  static ByteBuffer zeros(long size) {
    int bytes = Math.toIntExact(size);
    return ByteBuffer.allocateDirect(Math.addExact(bytes, 2 * LINE))
        .alignedSlice(LINE)
        .slice(0, bytes)
        .order(ByteOrder.LITTLE_ENDIAN);
  }
}
