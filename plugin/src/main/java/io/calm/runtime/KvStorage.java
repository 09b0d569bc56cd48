package io.calm.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Memory for keys and values in pages of {@value #PAGE} positions of all layers, outside the heap.
 * Pages given back are used again: what was once allocated stays. What a page looks like inside is
 * its decoder's affair.
 *
 * <p>Thread safe; a page belongs to one sequence.
 */
final class KvStorage {
  /** Positions of a page. */
  static final int PAGE = 64;

  private static final int ALIGNMENT = 64;

  private final int pageBytes;
  private final ToLongFunction<ByteBuffer> addressOf;
  private final ArrayDeque<KvPage> free = new ArrayDeque<>();

  /**
   * @param addressOf tells native code's address of a page; 0 where none runs
   */
  KvStorage(long pageBytes, ToLongFunction<ByteBuffer> addressOf) {
    this.pageBytes = Math.toIntExact(pageBytes);
    this.addressOf = addressOf;
  }

  /** Returns the bytes of one page. */
  long pageBytes() {
    return pageBytes;
  }

  /**
   * Returns pages for {@code positions} positions.
   *
   * @throws IllegalStateException if there is no memory for them; none are taken then
   */
  synchronized List<KvPage> acquire(int positions) {
    int count = (positions + PAGE - 1) / PAGE;
    List<KvPage> pages = new ArrayList<>(count);
    try {
      while (pages.size() < count) {
        pages.add(free.isEmpty() ? allocate() : free.pop());
      }
    } catch (OutOfMemoryError e) {
      free.addAll(pages);
      throw new IllegalStateException(
          "keys and values: expected memory for %d pages of %d bytes, got %d; hold fewer or shorter"
                  .formatted(count, pageBytes, pages.size())
              + " sequences, or raise -XX:MaxDirectMemorySize",
          e);
    }
    return pages;
  }

  private KvPage allocate() {
    ByteBuffer memory =
        ByteBuffer.allocateDirect(Math.addExact(pageBytes, ALIGNMENT))
            .alignedSlice(ALIGNMENT)
            .order(ByteOrder.nativeOrder());
    return new KvPage(memory, memory.asFloatBuffer(), addressOf.applyAsLong(memory));
  }

  /** Takes pages back. */
  synchronized void release(List<KvPage> pages) {
    free.addAll(pages);
  }
}
