package io.calm.runtime;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayDeque;
import java.util.Arrays;

/**
 * Sequences of one user of a decoder who shares no blocks: to measure, to evaluate, to sample.
 * Blocks are taken as tokens come, and given back when a sequence is closed. Not thread safe.
 */
public final class Sequences {
  private final int blocks;
  private final ArrayDeque<Integer> free = new ArrayDeque<>();
  private int unused;

  /** Shares out the blocks of {@code decoder}, of which nobody else uses any. */
  public Sequences(Decoder decoder) {
    this.blocks = decoder.blocks();
  }

  /** Returns an empty sequence. */
  public Sequence open() {
    return new Sequence();
  }

  private int take() {
    if (!free.isEmpty()) {
      return free.pop();
    }
    if (unused == blocks) {
      throw new IllegalStateException(
          "keys and values: expected a free block, got all %d in use; hold fewer or shorter sequences"
              .formatted(blocks));
    }
    return unused++;
  }

  /** The tokens of one sequence. */
  public final class Sequence implements AutoCloseable {
    private int[] table = {};
    private int length;

    private Sequence() {}

    /** Returns the tokens of all chunks so far. */
    public int length() {
      return length;
    }

    /**
     * Returns the chunk of the next tokens, for the next step. Where that step fails, the sequence
     * must be closed.
     *
     * @throws IllegalStateException if there is no free block
     */
    public Chunk append(int[] tokens, Wanted wanted) {
      int needed = Decoder.blocksFor(length + tokens.length);
      int held = table.length;
      table = Arrays.copyOf(table, needed);
      for (int i = held; i < needed; i++) {
        table[i] = take();
      }
      Chunk chunk = new Chunk(table, length, tokens, wanted);
      length += tokens.length;
      return chunk;
    }

    /** Gives the blocks back; the sequence is empty then. */
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
