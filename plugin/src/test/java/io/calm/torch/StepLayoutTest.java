package io.calm.torch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.LogitRow;
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
        StepLayout.passes(chunks, Collections.nCopies(blocks.length, List.of(Optional.empty())), 1);
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

  /** Returns the rows of the passes of a prompt's last 256 tokens with 32 heads. */
  private static List<Integer> rows(int... contexts) {
    List<Chunk> chunks =
        IntStream.of(contexts)
            .mapToObj(
                context ->
                    new Chunk(
                        IntStream.range(0, Decoder.blocksFor(context)).toArray(),
                        context - 256,
                        new int[256],
                        Wanted.NONE))
            .toList();
    List<Optional<LogitRow>> unwanted = Collections.nCopies(256, Optional.empty());
    return StepLayout.passes(chunks, Collections.nCopies(contexts.length, unwanted), 32).stream()
        .map(StepLayout::rows)
        .toList();
  }

  @Test
  void aPassHasFewerRowsWhereTheirContextIsLong() {
    assertEquals(List.of(512), rows(4096, 4096));
    assertEquals(List.of(512), rows(8192, 8192));
    assertEquals(Collections.nCopies(8, 32), rows(131_072));
    assertEquals(List.of(287, 32, 32, 32, 32, 32, 32, 32, 1), rows(512, 131_072));
  }

  @Test
  void aRowBeyondTheBoundIsAPass() {
    assertEquals(Collections.nCopies(256, 1), rows(1 << 23));
  }

  @Test
  void aSequenceJoinsThoseThatAreNotMuchShorter() {
    assertArrayEquals(new int[] {2, 1, 4, 1, 1, 5}, groups(1, 4, 5));
  }
}
