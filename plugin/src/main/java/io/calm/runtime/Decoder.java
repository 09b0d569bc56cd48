package io.calm.runtime;

import io.calm.model.ModelSpec;
import java.util.List;

/**
 * A model that takes token ids and gives logits, with its keys and values kept between steps.
 *
 * <p>One step runs any mix of prefill chunks and decodes. A row's result has the same bits whatever
 * else is in the step, however its prompt was cut into chunks, and on any number of threads. Steps
 * are made by one thread at a time.
 */
public interface Decoder extends AutoCloseable {

  /** Returns the model's sizes. */
  ModelSpec spec();

  /**
   * Reserves keys and values for a sequence.
   *
   * @param capacity most tokens the sequence will hold
   * @throws IllegalArgumentException if {@code capacity} is not positive or above {@code
   *     spec().maxContext()}
   */
  Sequence newSequence(int capacity);

  /**
   * Appends each chunk's tokens to its sequence and returns the logits asked for.
   *
   * @param chunks at least one; no sequence twice
   * @return one entry for each chunk: no rows, the last token's, or every token's; a row is [V]
   * @throws StepFailedException if a chunk's numbers are not finite, naming block and linear; the
   *     sequences in {@link StepFailedException#failed} are unusable, the others as before the step
   * @throws IllegalArgumentException if a token id is outside the vocabulary or a sequence is full;
   *     nothing has changed then
   */
  List<float[][]> step(List<Chunk> chunks);

  @Override
  void close();

  /** The keys and values of one sequence. Not thread safe. */
  interface Sequence extends AutoCloseable {
    /** Returns the tokens held. */
    int length();

    /** Returns the most tokens it can hold. */
    int capacity();

    @Override
    void close();
  }

  /** Which of a chunk's rows need logits. */
  enum Wanted {
    NONE,
    LAST,
    ALL
  }

  /**
   * The next tokens of one sequence: a piece of its prompt, or the token just sampled.
   *
   * @param tokens ids, at least one; not copied
   */
  @SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once and never compared
  record Chunk(Sequence sequence, int[] tokens, Wanted wanted) {
    public Chunk {
      if (tokens.length == 0) {
        throw new IllegalArgumentException("an empty chunk");
      }
    }
  }
}
