package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.tensor.Exponential;
import java.util.List;

/**
 * A model that takes token ids and gives logits, with its keys and values kept between steps.
 *
 * <p>Keys and values lie in blocks of {@value #BLOCK_TOKENS} positions, which the caller names by
 * their ids. The decoder knows no sequences: what a chunk continues is what its block table says.
 * The caller decides which sequences hold and share a block.
 *
 * <p>One step runs any mix of prefill chunks and decodes. A row's result has the same bits whatever
 * else is in the step, however its prompt was cut into chunks, in whichever blocks, and on any
 * number of threads; so a block may be read by all whose tokens up to its end are the same. Steps
 * are made by one thread at a time.
 */
public interface Decoder extends AutoCloseable {
  /** Positions of a block. */
  int BLOCK_TOKENS = 64;

  /** Returns the blocks that {@code tokens} positions take. */
  static int blocksFor(int tokens) {
    return (int) ((tokens + BLOCK_TOKENS - 1L) / BLOCK_TOKENS);
  }

  /** Returns the model's sizes. */
  ModelSpec spec();

  /** Returns how many blocks there are; their ids count from 0. Memory is taken at first use. */
  int blocks();

  /**
   * Computes each chunk's tokens, stores their keys and values, and returns the logits asked for.
   *
   * <p>A block that a chunk writes belongs to it alone; blocks before may be in several tables. If
   * a step throws, the blocks keep their contents, except for the chunks of {@link
   * StepFailedException#failed}. The other chunks can be run again, also in smaller steps.
   *
   * @param chunks at least one
   * @return one entry for each chunk: no rows, the last token's, or every token's; they are
   *     overwritten by the next step
   * @throws StepFailedException if a chunk's numbers are not finite, naming block and linear; what
   *     the chunks that are not {@link StepFailedException#failed} held before the step is as it
   *     was, and they can be run again
   * @throws UnreadableWeightsException if the model's weights have become unreadable; no further
   *     step is possible
   * @throws KvMemoryException if there is no memory for a block; what all held is as it was
   * @throws ChunkRefusedException if a token id is outside the vocabulary, a position outside the
   *     context, or the tables break the rules above; nothing has changed then
   * @throws IllegalStateException if the decoder is closed
   */
  List<List<Logits>> step(List<Chunk> chunks);

  /** Frees the keys and values, after a step that is under way; any thread, once or more often. */
  @Override
  void close();

  /** Which of a chunk's rows need logits. */
  enum Wanted {
    NONE,
    LAST,
    ALL
  }

  /**
   * The next tokens of one sequence: a piece of its prompt, or the token just sampled.
   *
   * @param blocks the table: ids of the blocks of positions 0 to the last of these tokens; not
   *     copied
   * @param position of the first token: what the blocks hold before
   * @param tokens ids, at least one; not copied
   */
  @SuppressWarnings("ArrayRecordComponent") // bulk values, passed once and never compared
  record Chunk(int[] blocks, int position, int[] tokens, Wanted wanted) {
    public Chunk {
      if (position < 0 || tokens.length == 0) {
        throw new IllegalArgumentException(
            "chunk: expected tokens from position 0 or later on, got %d from %d on"
                .formatted(tokens.length, position));
      }
      if (blocks.length != blocksFor(position + tokens.length)) {
        throw new IllegalArgumentException(
            "chunk: expected %d blocks for positions 0 to %d, got %d"
                .formatted(
                    blocksFor(position + tokens.length),
                    position + tokens.length - 1,
                    blocks.length));
      }
    }

    /** Returns the position after the last token. */
    public int end() {
      return position + tokens.length;
    }

    /** Returns the index in the table of the first block that is written. */
    int firstWritten() {
      return position / BLOCK_TOKENS;
    }
  }

  /**
   * The logits of one token, all finite. They are the decoder's own memory. A caller may change
   * them until the next step, if no other reader uses them.
   *
   * @param values [V]
   * @param largest of them
   * @param logSum the log of the sum of e^value, rounded to float32: {@code values[i] - logSum} is
   *     the log-probability of token i
   */
  @SuppressWarnings("ArrayRecordComponent") // a bulk value, never compared
  record Logits(float[] values, float largest, float logSum) {

    /** Returns e^((value - largest) / temperature) of one token, 0 to 1. */
    public float weight(int token, float temperature) {
      return Exponential.exp((values[token] - largest) / temperature);
    }

    /**
     * Writes the {@link #weight} of every token.
     *
     * @param target [V] or longer
     * @return their sum
     */
    public double weigh(float temperature, float[] target) {
      double sum = 0;
      for (int i = 0; i < values.length; i++) {
        float weight = Exponential.exp((values[i] - largest) / temperature);
        target[i] = weight;
        sum += weight;
      }
      return sum;
    }
  }
}
