package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder.Wanted;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Blocks of sequences that share a decoder. */
class DecoderSequencesTest {
  private static final int BLOCK = Decoder.BLOCK_TOKENS;

  private final DecoderSequences sequences = new DecoderSequences(new Blocks(3));

  /** A decoder that is asked only for its size. */
  private record Blocks(int blocks) implements Decoder {
    @Override
    public ModelSpec spec() {
      throw new AssertionError("not asked");
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      throw new AssertionError("not asked");
    }

    @Override
    public void close() {}
  }

  private static int[] append(DecoderSequences.Sequence sequence, int tokens) {
    return sequence.append(new int[tokens], Wanted.LAST).blocks();
  }

  @Test
  void blocksAreTakenAsASequenceGrowsAndFreedAtItsEnd() {
    DecoderSequences.Sequence first = sequences.open();
    assertArrayEquals(new int[] {0}, append(first, BLOCK));
    assertArrayEquals(new int[] {0, 1}, append(first, 1));
    assertEquals(BLOCK + 1, first.length());
    first.close();
    assertEquals(0, first.length());
    assertEquals(3, append(sequences.open(), 3 * BLOCK).length);
  }

  /** Its close once freed blocks of other sequences, which then overwrote each other's keys. */
  @Test
  void aSequenceThatCannotGrowStaysAsItWas() {
    int[] first = append(sequences.open(), BLOCK);
    try (DecoderSequences.Sequence refused = sequences.open()) {
      IllegalStateException tooLong =
          assertThrows(IllegalStateException.class, () -> append(refused, 3 * BLOCK));
      assertEquals(
          "keys and values: expected 3 free blocks, got 2 of 3; hold fewer or shorter sequences",
          tooLong.getMessage());
      assertEquals(0, refused.length());
      append(refused, BLOCK);
    }
    int[] others = append(sequences.open(), 2 * BLOCK);
    assertArrayEquals(new int[] {0}, first);
    assertArrayEquals(new int[] {1, 2}, others);
  }
}
