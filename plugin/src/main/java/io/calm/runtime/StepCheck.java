package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder.Chunk;
import java.util.List;

/** Validates the chunks of a step: token ids, positions and block tables. */
public final class StepCheck {
  private final ModelSpec spec;

  /** For each block, the number of the chunk that last wrote it. */
  private final long[] writer;

  /** For each block, the number of the chunk whose table last contained it. */
  private final long[] reader;

  /** Number of the step's first chunk; numbers are never reused. */
  private long first = 1;

  private long next = 1;

  /**
   * Creates the check.
   *
   * @param blocks number of KV blocks of the decoder
   */
  public StepCheck(ModelSpec spec, int blocks) {
    this.spec = spec;
    this.writer = new long[blocks];
    this.reader = new long[blocks];
  }

  /**
   * Checks a step.
   *
   * @throws ChunkRefusedException if a chunk is invalid; names the first such chunk
   * @throws IllegalArgumentException if there are no chunks
   */
  public void check(List<Chunk> chunks) {
    if (chunks.isEmpty()) {
      throw new IllegalArgumentException("step: expected at least one chunk, got none");
    }
    first = next;
    next += chunks.size();
    for (int c = 0; c < chunks.size(); c++) {
      checkTokens(c, chunks.get(c));
      checkTable(c, chunks.get(c));
    }
    for (int c = 0; c < chunks.size(); c++) {
      for (int block : chunks.get(c).blocks()) {
        if (writer[block] >= first && writer[block] != first + c) {
          throw new ChunkRefusedException(
              c,
              "its block %d is written by chunk %d in the same step"
                  .formatted(block, writer[block] - first));
        }
      }
    }
  }

  private void checkTokens(int c, Chunk chunk) {
    if (chunk.end() > spec.maxContext()) {
      throw new ChunkRefusedException(
          c,
          "expected positions 0 to %d, got %d tokens starting at position %d"
              .formatted(spec.maxContext() - 1, chunk.tokens().length, chunk.position()));
    }
    for (int token : chunk.tokens()) {
      if (token < 0 || token >= spec.vocabulary()) {
        throw new ChunkRefusedException(
            c, "expected token ids 0 to %d, got %d".formatted(spec.vocabulary() - 1, token));
      }
    }
  }

  private void checkTable(int c, Chunk chunk) {
    int[] blocks = chunk.blocks();
    for (int i = 0; i < blocks.length; i++) {
      int block = blocks[i];
      if (block < 0 || block >= reader.length) {
        throw new ChunkRefusedException(
            c, "expected blocks 0 to %d, got %d".formatted(reader.length - 1, block));
      }
      if (reader[block] == first + c) {
        throw new ChunkRefusedException(
            c, "its block table contains block %d twice".formatted(block));
      }
      reader[block] = first + c;
      if (i >= chunk.firstWritten()) {
        if (writer[block] >= first) {
          throw new ChunkRefusedException(
              c,
              "its block %d is written by chunk %d in the same step"
                  .formatted(block, writer[block] - first));
        }
        writer[block] = first + c;
      }
    }
  }
}
