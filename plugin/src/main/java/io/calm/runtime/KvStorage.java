package io.calm.runtime;

import io.calm.runtime.Decoder.Chunk;
import io.calm.tensor.OffHeap;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The memory of a decoder's KV blocks, outside the heap. A block is allocated at first use and kept
 * until {@link #close}. The decoder defines the layout within a block.
 *
 * <p>New memory is zero and only finite numbers are stored. Stale contents of a reused block are
 * therefore finite, and attention may read them with weight 0.
 *
 * <p>Not thread safe: the decoder's lock is held for every call, and blocks never leave the
 * decoder.
 */
final class KvStorage implements AutoCloseable {
  private final int blockBytes;
  private final ToLongFunction<ByteBuffer> addressOf;
  private final @Nullable KvBlock[] blocks;

  /**
   * @param addressOf returns the native address of a block's memory; 0 if no native code runs
   */
  KvStorage(long blockBytes, int count, ToLongFunction<ByteBuffer> addressOf) {
    if (count < 1) {
      throw new IllegalArgumentException(
          "keys and values: expected at least one block of %d tokens, got %d"
              .formatted(Decoder.BLOCK_TOKENS, count));
    }
    this.blockBytes = Math.toIntExact(blockBytes);
    this.addressOf = addressOf;
    this.blocks = new KvBlock[count];
  }

  int blocks() {
    return blocks.length;
  }

  /**
   * Allocates the blocks that a step uses for the first time. The first failure ends the attempt,
   * since each failed allocation takes the JVM about half a second.
   *
   * @throws KvMemoryException if there is no memory for a new block; blocks allocated by this call
   *     are kept
   */
  void reserve(List<Chunk> chunks) {
    for (Chunk chunk : chunks) {
      for (int block : chunk.blocks()) {
        if (blocks[block] == null) {
          blocks[block] = allocate();
        }
      }
    }
  }

  private KvBlock allocate() {
    try {
      return block(OffHeap.allocate(blockBytes));
    } catch (OutOfMemoryError e) {
      String why = String.valueOf(e.getMessage());
      String remedy =
          why.contains("direct") ? "raise -XX:MaxDirectMemorySize" : "give the process more memory";
      throw new KvMemoryException(
          ("keys and values: expected memory for one more block of %d bytes, got \"%s\"; lower"
                  + " calm.kv-budget-mb or %s")
              .formatted(blockBytes, why, remedy),
          IntStream.range(0, blocks.length)
              .filter(block -> blocks[block] == null)
              .boxed()
              .collect(Collectors.toSet()),
          e);
    }
  }

  private KvBlock block(OffHeap memory) {
    try {
      ByteBuffer bytes = memory.bytes();
      return new KvBlock(memory, bytes.asFloatBuffer(), addressOf.applyAsLong(bytes));
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  /** Returns the blocks of a table, which {@link #reserve} has allocated. */
  KvBlock[] blocks(int[] ids) {
    KvBlock[] result = new KvBlock[ids.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = Objects.requireNonNull(blocks[ids[i]]);
    }
    return result;
  }

  /** Frees all blocks. */
  @Override
  public void close() {
    for (int i = 0; i < blocks.length; i++) {
      KvBlock block = blocks[i];
      if (block != null) {
        block.memory().close();
        blocks[i] = null;
      }
    }
  }
}
