package io.calm.tensor;

import java.nio.IntBuffer;

/**
 * The code words [tile][group][step][16] of a packed weight, and their exact products with the
 * activations of one group, shared by the int4 and the int8 kernels.
 */
final class PackedWords {
  private static final int TILE = QuantizedLinear.TILE;

  /** Activations, or pairs of them, that one word meets. */
  private static final int PER_WORD = 4;

  private final IntBuffer words;
  private final boolean nibbles;
  private final int groups;
  private final int steps;

  private PackedWords(IntBuffer words, boolean nibbles, int groups, int steps) {
    this.words = words;
    this.nibbles = nibbles;
    this.groups = groups;
    this.steps = steps;
  }

  /** Returns the words of eight 4-bit codes; their activations are {@link QuantizedRows#pairs}. */
  static PackedWords int4(IntBuffer words, int groups, int group) {
    return new PackedWords(words, true, groups, group / 8);
  }

  /** Returns the words of four int8 codes; their activations are {@link QuantizedRows#codes}. */
  static PackedWords int8(IntBuffer words, int groups, int group) {
    return new PackedWords(words, false, groups, group / 4);
  }

  /**
   * Copies the words of group {@code j} and of tiles {@code from} to {@code to} into the scratch.
   *
   * @param unpack whether many rows will use them
   */
  void read(int from, int to, int j, boolean unpack, KernelScratch scratch) {
    int[] piece = scratch.piece;
    for (int tile = from; tile < to; tile++) {
      words.get((tile * groups + j) * steps * TILE, piece, 0, steps * TILE);
      int lane = (tile - from) * TILE;
      for (int p = 0; p < steps; p++) {
        System.arraycopy(piece, p * TILE, scratch.words[p], lane, TILE);
      }
    }
    if (unpack) {
      unpack((to - from) * TILE, scratch);
    }
  }

  private void unpack(int lanes, KernelScratch scratch) {
    for (int i = 0; i < PER_WORD * steps; i++) {
      int[] source = scratch.words[i / PER_WORD];
      int part = i % PER_WORD;
      if (nibbles) {
        LaneLoops.unpackNibbles(source, 4 * part, scratch.unpacked(i), lanes);
      } else {
        LaneLoops.unpackBytes(source, 24 - 8 * part, scratch.unpacked(i), lanes);
      }
    }
  }

  /** Writes the products of the loaded words with a row's activations to the scratch's dots. */
  void multiply(
      int[] activations, int row, int j, int lanes, boolean unpacked, KernelScratch scratch) {
    int start = (row * groups + j) * steps * PER_WORD;
    for (int p = 0; p < steps; p++) {
      int at = start + p * PER_WORD;
      int[][] w = unpacked ? scratch.unpacked : scratch.words;
      int first = unpacked ? p * PER_WORD : p;
      int next = unpacked ? 1 : 0;
      LaneLoops.addProducts(
          form(unpacked),
          w[first],
          w[first + next],
          w[first + 2 * next],
          w[first + 3 * next],
          scratch.dots,
          lanes,
          p == 0,
          activations[at],
          activations[at + 1],
          activations[at + 2],
          activations[at + 3]);
    }
  }

  private LaneLoops.Form form(boolean unpacked) {
    if (nibbles) {
      return unpacked ? LaneLoops.Form.UNPACKED_NIBBLES : LaneLoops.Form.NIBBLES;
    }
    return unpacked ? LaneLoops.Form.UNPACKED_BYTES : LaneLoops.Form.BYTES;
  }
}
