package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class StepLayoutTest {
  /** Returns the sizes of the groups of single tokens of sequences with these numbers of blocks. */
  private static int[] groups(int... blocks) {
    List<Chunk> chunks =
        IntStream.of(blocks)
            .mapToObj(
                count ->
                    new Chunk(
                        IntStream.range(0, count).toArray(),
                        count * Decoder.BLOCK_TOKENS - 1,
                        new int[] {1},
                        Wanted.NONE))
            .toList();
    List<StepLayout> passes =
        StepLayout.passes(chunks, Collections.nCopies(blocks.length, List.of(Optional.empty())));
    int[] sizes = passes.get(0).sizes(0, List.of());
    return IntStream.range(4, sizes.length).map(i -> sizes[i]).toArray();
  }

  @Test
  void aGroupOfSingleTokensHasABoundedNumberOfBlocks() {
    assertArrayEquals(new int[] {2, 1, 128}, groups(128, 128));
    assertArrayEquals(new int[] {2, 1, 128, 1, 1, 128}, groups(128, 128, 128));
    assertArrayEquals(new int[] {1, 1, 100, 1, 1, 129}, groups(129, 100));
    assertArrayEquals(new int[] {1, 1, 300, 1, 1, 301}, groups(301, 300));
  }

  @Test
  void aSequenceJoinsThoseThatAreNotMuchShorter() {
    assertArrayEquals(new int[] {2, 1, 4, 1, 1, 5}, groups(1, 4, 5));
  }
}
