package io.calm.host;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;

/**
 * A pooled allocator with a limit on the total direct memory of its buffers. The JVM's own limit is
 * too high for this purpose, because the matrices of a search need it. At the limit, a read or a
 * write fails, which closes its connection. Thread safe.
 */
final class BoundedAllocator extends PooledByteBufAllocator {
  private static final int PAGE_BYTES = 8192;
  private static final int CHUNK_ORDER = 9; // chunks of 4 MiB

  private final long maxDirectBytes;

  /**
   * @param arenas pools of direct memory, e.g. one per event loop
   */
  BoundedAllocator(long maxDirectBytes, int arenas) {
    super(true, 1, arenas, PAGE_BYTES, CHUNK_ORDER, 64, 32, false);
    this.maxDirectBytes = maxDirectBytes;
  }

  @Override
  protected ByteBuf newDirectBuffer(int initialCapacity, int maxCapacity) {
    if (pinnedDirectMemory() + initialCapacity > maxDirectBytes) {
      throw new OutOfMemoryError(
          "HTTP buffers: %d bytes of direct memory are in use, %d allowed"
              .formatted(pinnedDirectMemory(), maxDirectBytes));
    }
    return super.newDirectBuffer(initialCapacity, maxCapacity);
  }
}
