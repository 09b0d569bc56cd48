package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.BufferPools;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Closed memory is freed immediately and refuses further access. */
class OffHeapTest {
  private static final int MEBIBYTE = 1 << 20;

  @Test
  void memoryIsZeroAndAlignedAndAsLargeAsWasAskedFor() {
    for (int bytes : new int[] {0, 1, 63, 64, 65, 120, 1000}) {
      try (OffHeap memory = OffHeap.allocate(bytes)) {
        ByteBuffer view = memory.bytes();
        assertEquals(bytes, view.capacity());
        assertEquals(0, bytes == 0 ? 0 : view.alignmentOffset(0, 64));
        for (int i = 0; i < bytes; i++) {
          assertEquals(0, view.get(i));
        }
      }
    }
  }

  @Test
  void closingFreesWithoutAGarbageCollection() {
    OffHeap memory = OffHeap.allocate(64 * MEBIBYTE);
    long before = BufferPools.direct();
    memory.close();
    assertTrue(before - BufferPools.direct() >= 63L * MEBIBYTE);
    memory.close();
    assertThrows(IllegalStateException.class, memory::bytes);
  }

  @Test
  void closingUnmapsWithoutAGarbageCollection(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("file");
    Files.write(file, new byte[16 * MEBIBYTE]);
    OffHeap memory;
    try (FileChannel channel = FileChannel.open(file)) {
      memory = OffHeap.of(channel.map(FileChannel.MapMode.READ_ONLY, 0, 16 * MEBIBYTE));
    }
    assertEquals(0, memory.bytes().get(16 * MEBIBYTE - 1));
    long before = BufferPools.mapped();
    memory.close();
    // Not exactly 16: a collection may unmap what an earlier test of this JVM left behind.
    assertTrue(before - BufferPools.mapped() >= 15L * MEBIBYTE);
  }

  @Test
  void whatIsLeasedLivesUntilTheLastLeaseIsGivenBack() {
    AtomicInteger released = new AtomicInteger();
    Lifetime lifetime = new Lifetime(released::incrementAndGet);
    Lifetime.Lease first = lifetime.lease();
    Lifetime.Lease second = lifetime.lease();
    first.close();
    first.close();
    lifetime.close();
    assertEquals(0, released.get());
    assertThrows(IllegalStateException.class, lifetime::lease);
    second.close();
    assertEquals(1, released.get());
    lifetime.close();
    assertEquals(1, released.get());
  }

  @Test
  void whatNobodyLeasesGoesWhenItIsClosed() {
    AtomicInteger released = new AtomicInteger();
    new Lifetime(released::incrementAndGet).close();
    assertEquals(1, released.get());
  }
}
