package io.calm.runtime;

import io.calm.model.ModelSpec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Memory for keys and values in pages of {@value #PAGE} positions of all layers, float32, outside
 * the heap. Pages given back are used again: what was once allocated stays.
 *
 * <p>A page holds for each layer the keys [kvHeads][headDim][PAGE], so that scores of neighbouring
 * positions are computed side by side, then the values [kvHeads][PAGE][headDim].
 *
 * <p>Thread safe; a page belongs to one sequence.
 */
final class KvStorage {
  /** Positions of a page. */
  static final int PAGE = 64;

  private final int kvHeads;
  private final int headDim;
  private final int layers;
  private final ArrayDeque<FloatBuffer> free = new ArrayDeque<>();

  KvStorage(ModelSpec spec) {
    this.kvHeads = spec.kvHeads();
    this.headDim = spec.headDim();
    this.layers = spec.layers();
  }

  /** Returns the bytes of one page. */
  long pageBytes() {
    return 4L * layers * 2 * kvHeads * headDim * PAGE;
  }

  /**
   * Returns pages for {@code positions} positions.
   *
   * @throws IllegalStateException if there is no memory for them; none are taken then
   */
  synchronized List<FloatBuffer> acquire(int positions) {
    int count = (positions + PAGE - 1) / PAGE;
    List<FloatBuffer> pages = new ArrayList<>(count);
    try {
      while (pages.size() < count) {
        pages.add(free.isEmpty() ? allocate() : free.pop());
      }
    } catch (OutOfMemoryError e) {
      free.addAll(pages);
      throw new IllegalStateException(
          "keys and values: expected memory for %d pages of %d bytes, got %d; hold fewer or shorter"
                  .formatted(count, pageBytes(), pages.size())
              + " sequences, or raise -XX:MaxDirectMemorySize",
          e);
    }
    return pages;
  }

  private FloatBuffer allocate() {
    return ByteBuffer.allocateDirect(Math.toIntExact(pageBytes()))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }

  /** Takes pages back. */
  synchronized void release(List<FloatBuffer> pages) {
    free.addAll(pages);
  }

  /** Returns where the keys [headDim][PAGE] of a layer's head begin in a page. */
  int keys(int layer, int head) {
    return (layer * 2 * kvHeads + head) * headDim * PAGE;
  }

  /** Returns where the values [PAGE][headDim] of a layer's head begin in a page. */
  int values(int layer, int head) {
    return ((layer * 2 + 1) * kvHeads + head) * headDim * PAGE;
  }
}
