package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.testing.BufferPools;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** Tests that a failed allocation of a KV block names its cause and leaks nothing. */
class KvStorageTest {
  private static final int MEBIBYTE = 1 << 20;
  private static final List<Chunk> STEP =
      List.of(new Chunk(new int[] {1}, 0, new int[] {7}, Wanted.NONE));

  /** Reserves a block in a JVM that fails this way. */
  private static void reserve(int bytes, Throwable failure) {
    try (KvStorage storage =
        new KvStorage(
            bytes,
            3,
            memory -> {
              if (failure instanceof Error error) {
                throw error;
              }
              throw (RuntimeException) failure;
            })) {
      storage.reserve(STEP);
    }
  }

  @Test
  void theMessageSaysWhatTheJvmSaysAndWhatToDoAboutIt() {
    Error direct =
        new OutOfMemoryError(
            "Cannot reserve 164 bytes of direct buffer memory (allocated: 9, limit: 10)");
    KvMemoryException e = assertThrows(KvMemoryException.class, () -> reserve(100, direct));
    assertEquals(
        "keys and values: expected memory for one more block of 100 bytes, got \"Cannot reserve"
            + " 164 bytes of direct buffer memory (allocated: 9, limit: 10)\"; lower"
            + " calm.kv-budget-mb or raise -XX:MaxDirectMemorySize",
        e.getMessage());
    assertSame(direct, e.getCause());
    assertEquals(Set.of(0, 1, 2), e.blocks());
  }

  @Test
  void theHeapIsNotDirectMemory() {
    Error heap = new OutOfMemoryError("Java heap space");
    KvMemoryException e = assertThrows(KvMemoryException.class, () -> reserve(100, heap));
    assertEquals(
        "keys and values: expected memory for one more block of 100 bytes, got \"Java heap"
            + " space\"; lower calm.kv-budget-mb or give the process more memory",
        e.getMessage());
    assertSame(heap, e.getCause());
  }

  @Test
  void memoryOfABlockThatFailsIsFreedAtOnce() {
    for (Throwable failure :
        List.of(new OutOfMemoryError("Java heap space"), new IllegalStateException("no address"))) {
      long before = BufferPools.direct();
      assertThrows(Throwable.class, () -> reserve(64 * MEBIBYTE, failure));
      assertTrue(BufferPools.direct() < before + MEBIBYTE, failure.toString());
    }
  }
}
