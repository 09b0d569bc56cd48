package io.calm.testing;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/** The blocks of a decoder that is not real: their keys and values are the tokens themselves. */
public final class TokenMemory {
  /** What a position holds before it was written, and after a step that failed. */
  public static final int NOTHING = -1;

  private final Map<Integer, int[]> blocks = new HashMap<>();

  /** Stores the tokens of a chunk. */
  public void store(Chunk chunk) {
    for (int i = 0; i < chunk.tokens().length; i++) {
      put(chunk, chunk.position() + i, chunk.tokens()[i]);
    }
  }

  /** Spoils the positions that a chunk would have written. */
  public void spoil(Chunk chunk) {
    for (int position = chunk.position(); position < chunk.end(); position++) {
      put(chunk, position, NOTHING);
    }
  }

  /** Returns the tokens of positions 0 to {@code end}, exclusive, of a chunk's table. */
  public int[] tokens(Chunk chunk, int end) {
    int[] tokens = new int[end];
    for (int position = 0; position < end; position++) {
      tokens[position] = block(chunk, position)[position % Decoder.BLOCK_TOKENS];
    }
    return tokens;
  }

  private void put(Chunk chunk, int position, int token) {
    block(chunk, position)[position % Decoder.BLOCK_TOKENS] = token;
  }

  private int[] block(Chunk chunk, int position) {
    return blocks.computeIfAbsent(
        chunk.blocks()[position / Decoder.BLOCK_TOKENS],
        id -> {
          int[] empty = new int[Decoder.BLOCK_TOKENS];
          Arrays.fill(empty, NOTHING);
          return empty;
        });
  }
}
