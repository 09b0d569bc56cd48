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
 * Memory for keys and values: a page of {@value Decoder#BLOCK_TOKENS} positions of all layers for
 * each block, outside the heap. A page is allocated when its block is first named and stays until
 * {@link #close}. What a page looks like inside is its decoder's affair.
 *
 * <p>Fresh memory is zero and only finite numbers are stored, so also what a page holds of an
 * earlier sequence is finite: attention may read it as long as its weight is 0.
 *
 * <p>Not thread safe: its decoder's lock is held for every call, and pages leave the decoder never.
 */
final class KvStorage implements AutoCloseable {
  private final int pageBytes;
  private final ToLongFunction<ByteBuffer> addressOf;
  private final @Nullable KvPage[] pages;

  /**
   * @param addressOf tells native code's address of a page; 0 where none runs
   */
  KvStorage(long pageBytes, int blocks, ToLongFunction<ByteBuffer> addressOf) {
    if (blocks < 1) {
      throw new IllegalArgumentException(
          "keys and values: expected at least one block of %d tokens, got %d"
              .formatted(Decoder.BLOCK_TOKENS, blocks));
    }
    this.pageBytes = Math.toIntExact(pageBytes);
    this.addressOf = addressOf;
    this.pages = new KvPage[blocks];
  }

  int blocks() {
    return pages.length;
  }

  /**
   * Makes sure that there is a page for every block of a step. After one that cannot be had no
   * other is tried: that takes the JVM half a second each time.
   *
   * @throws KvMemoryException if there is no memory for one that is new; pages that were made stay
   */
  void reserve(List<Chunk> chunks) {
    for (Chunk chunk : chunks) {
      for (int block : chunk.blocks()) {
        if (pages[block] == null) {
          pages[block] = allocate();
        }
      }
    }
  }

  private KvPage allocate() {
    try {
      return page(OffHeap.allocate(pageBytes));
    } catch (OutOfMemoryError e) {
      String why = String.valueOf(e.getMessage());
      String remedy =
          why.contains("direct") ? "raise -XX:MaxDirectMemorySize" : "give the process more memory";
      throw new KvMemoryException(
          ("keys and values: expected memory for one more block of %d bytes, got \"%s\"; lower"
                  + " calm.kv-budget-mb or %s")
              .formatted(pageBytes, why, remedy),
          IntStream.range(0, pages.length)
              .filter(block -> pages[block] == null)
              .boxed()
              .collect(Collectors.toSet()),
          e);
    }
  }

  private KvPage page(OffHeap memory) {
    try {
      ByteBuffer bytes = memory.bytes();
      return new KvPage(memory, bytes.asFloatBuffer(), addressOf.applyAsLong(bytes));
    } catch (RuntimeException | Error e) {
      memory.close();
      throw e;
    }
  }

  /** Returns the pages of a table, for which {@link #reserve} has made sure that they are there. */
  KvPage[] pages(int[] blocks) {
    KvPage[] result = new KvPage[blocks.length];
    for (int i = 0; i < result.length; i++) {
      result[i] = Objects.requireNonNull(pages[blocks[i]]);
    }
    return result;
  }

  /** Frees the pages. */
  @Override
  public void close() {
    for (int i = 0; i < pages.length; i++) {
      KvPage page = pages[i];
      if (page != null) {
        page.memory().close();
        pages[i] = null;
      }
    }
  }
}
