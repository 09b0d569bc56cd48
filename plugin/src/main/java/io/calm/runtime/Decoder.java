package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.tensor.Exponential;
import java.util.List;

/**
 * A language model that computes logits from token ids and keeps keys and values between steps.
 *
 * <p>Keys and values are stored in KV blocks of {@value #BLOCK_TOKENS} positions, which the caller
 * addresses by id. The decoder has no notion of a sequence: the block table of a chunk names the
 * tokens that it continues. The caller decides which sequences hold and share a block.
 *
 * <p>One step runs any mix of prefill chunks and decodes. A row's result is bit-identical for every
 * batch, division of the prompt into chunks, choice of blocks, and number of threads. A block can
 * therefore be shared by all sequences whose tokens up to its end are equal. Only one thread at a
 * time runs steps.
 */
public interface Decoder extends AutoCloseable {
  /** Number of positions in a KV block. */
  int BLOCK_TOKENS = 64;

  /** Returns the number of KV blocks for {@code tokens} positions. */
  static int blocksFor(int tokens) {
    return (int) ((tokens + BLOCK_TOKENS - 1L) / BLOCK_TOKENS);
  }

  /** Returns the model's sizes. */
  ModelSpec spec();

  /** Returns the number of KV blocks; ids start at 0. Memory is allocated at first use. */
  int blocks();

  /**
   * Computes each chunk's tokens, stores their keys and values, and returns the requested logits.
   *
   * <p>A block that a chunk writes must not be in another chunk's table; earlier blocks may be
   * shared. If a step throws, the blocks keep their contents, except for the chunks of {@link
   * StepFailedException#failed}. The other chunks can be run again, also in smaller steps.
   *
   * @param chunks at least one
   * @return one entry per chunk: no rows, the last token's, or every token's; they are overwritten
   *     by the next step
   * @throws StepFailedException if a chunk's numbers are not finite, naming block and linear; all
   *     chunks except {@link StepFailedException#failed} keep the contents of their blocks and can
   *     be run again
   * @throws UnreadableWeightsException if the model's weights have become unreadable; no further
   *     step is possible
   * @throws KvMemoryException if there is no memory for a block; no block has changed
   * @throws ChunkRefusedException if a token id is outside the vocabulary, a position outside the
   *     context, or the tables break the rules above; no block has changed
   * @throws IllegalStateException if the decoder is closed
   */
  List<List<Logits>> step(List<Chunk> chunks);

  /** Waits for the step in progress, then frees the KV blocks. Thread safe and idempotent. */
  @Override
  void close();

  /** The rows of a chunk for which logits are computed. */
  enum Wanted {
    NONE,
    LAST,
    ALL
  }

  /**
   * The next tokens of one sequence: a part of its prompt, or the token just sampled.
   *
   * @param blocks the block table: ids of the KV blocks of positions 0 to {@code end() - 1}; not
   *     copied
   * @param position position of the first token, which is the number of tokens already stored
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

    /** Returns the index of the first token whose logits are wanted; their number if none is. */
    public int firstWanted() {
      return switch (wanted) {
        case NONE -> tokens.length;
        case LAST -> tokens.length - 1;
        case ALL -> 0;
      };
    }

    /** Returns the index in the table of the first block that is written. */
    int firstWritten() {
      return position / BLOCK_TOKENS;
    }
  }

  /**
   * The logits of one token, all finite. The decoder owns their memory. A caller may change them
   * until the next step, if no other reader uses them.
   *
   * @param values [V]
   * @param largest the maximum of {@code values}
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
