package io.calm.runtime;

import io.calm.runtime.Decoder.Chunk;
import io.calm.tensor.OffHeap;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.ToLongFunction;
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
   * @throws StepFailedException if there is no memory for one that is new, naming the chunks that
   *     lack one; pages that were made stay for the next step
   */
  void reserve(List<Chunk> chunks) {
    Set<Integer> failed = new HashSet<>();
    Set<Integer> missing = new HashSet<>();
    Optional<OutOfMemoryError> error = Optional.empty();
    for (int c = 0; c < chunks.size(); c++) {
      for (int block : chunks.get(c).blocks()) {
        if (pages[block] == null && error.isEmpty()) {
          error = allocate(block);
        }
        if (pages[block] == null) {
          failed.add(c);
          missing.add(block);
        }
      }
    }
    if (error.isPresent()) {
      StepFailedException e =
          new StepFailedException(
              ("keys and values: expected memory for one more block of %d bytes, got none; lower"
                      + " calm.kv-budget-mb or raise -XX:MaxDirectMemorySize")
                  .formatted(pageBytes),
              failed,
              missing);
      e.initCause(error.get());
      throw e;
    }
  }

  private Optional<OutOfMemoryError> allocate(int block) {
    try {
      OffHeap memory = OffHeap.allocate(pageBytes);
      ByteBuffer bytes = memory.bytes();
      pages[block] = new KvPage(memory, bytes.asFloatBuffer(), addressOf.applyAsLong(bytes));
      return Optional.empty();
    } catch (OutOfMemoryError e) {
      return Optional.of(e);
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
