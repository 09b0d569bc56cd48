package io.calm.runtime;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * A simple allocator of KV blocks for the only caller of a decoder, as in evaluation, sampling and
 * benchmarks. Sequences share no blocks: each takes blocks as it grows and frees them when it is
 * closed. Serving uses {@code io.calm.generate.BlockManager} instead. Not thread safe.
 */
public final class DecoderSequences {
  private final int blocks;
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private int unused;

  /** Creates an allocator for all blocks of {@code decoder}, which has no other user. */
  public DecoderSequences(Decoder decoder) {
    this.blocks = decoder.blocks();
  }

  /** Returns an empty sequence. */
  public Sequence open() {
    return new Sequence();
  }

  private void requireFree(int count) {
    if (count > free.size() + blocks - unused) {
      throw new IllegalStateException(
          "keys and values: expected %d free blocks, got %d of %d; hold fewer or shorter sequences"
              .formatted(count, free.size() + blocks - unused, blocks));
    }
  }

  private int take() {
    return free.isEmpty() ? unused++ : free.pop();
  }

  /** A sequence and its KV blocks. */
  public final class Sequence implements AutoCloseable {
    private int[] table = {};
    private int length;

    private Sequence() {}

    /** Returns the number of tokens of all chunks so far. */
    public int length() {
      return length;
    }

    /**
     * Returns the chunk of the next tokens, for the next step. If that step fails, the sequence
     * must be closed.
     *
     * @throws IllegalStateException if there are too few free blocks; the sequence is as before
     */
    public Chunk append(int[] tokens, Wanted wanted) {
      int needed = Decoder.blocksFor(length + tokens.length);
      int held = table.length;
      requireFree(needed - held);
      table = Arrays.copyOf(table, needed);
      for (int i = held; i < needed; i++) {
        table[i] = take();
      }
      Chunk chunk = new Chunk(table, length, tokens, wanted);
      length += tokens.length;
      return chunk;
    }

    /** Frees the blocks; the sequence is then empty. */
    @Override
    public void close() {
      for (int block : table) {
        free.push(block);
      }
      table = new int[0];
      length = 0;
    }
  }
}
