package io.calm.runtime;

/**
 * Reports that a decoder step was refused because of one of its chunks: a token id outside the
 * vocabulary, a position outside the context, or an invalid block table. Nothing was computed, so
 * the other chunks can be run again.
 */
public final class ChunkRefusedException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final int chunk;

  /**
   * Creates the exception for a chunk.
   *
   * @param chunk index in the step
   * @param problem the expected and the actual value
   */
  public ChunkRefusedException(int chunk, String problem) {
    super("chunk %d: %s".formatted(chunk, problem));
    this.chunk = chunk;
  }

  /** Returns the index of the chunk; its sequence must be ended. */
  public int chunk() {
    return chunk;
  }
}
