package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The limit of direct memory in use. */
class BoundedAllocatorTest {
  private static final int MAX = 1 << 20;
  private static final int BUFFER = 32 << 10;

  private final BoundedAllocator allocator = new BoundedAllocator(MAX, 1);

  @Test
  void buffersEndAtTheLimitAndGoOnAfterOthersAreReleased() {
    List<ByteBuf> buffers = new ArrayList<>();
    OutOfMemoryError e =
        assertThrows(
            OutOfMemoryError.class,
            () -> {
              while (buffers.size() <= MAX / BUFFER) {
                buffers.add(allocator.directBuffer(BUFFER));
              }
            });
    assertTrue(String.valueOf(e.getMessage()).contains(MAX + " allowed"), e.getMessage());
    assertTrue(buffers.size() > MAX / BUFFER / 2, buffers.size() + " buffers");
    buffers.remove(0).release();
    buffers.remove(0).release();
    buffers.add(allocator.directBuffer(BUFFER));
    buffers.forEach(ByteBuf::release);
    assertEquals(0, allocator.pinnedDirectMemory());
  }

  @Test
  void aBufferLargerThanAllIsRefused() {
    assertThrows(OutOfMemoryError.class, () -> allocator.directBuffer(MAX + 1));
    allocator.heapBuffer(2 * MAX).release();
  }
}
