package io.calm.bench;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * Steps after contexts of any length.
 *
 * <p>No prompt is computed to fill a context. The chunk's position and block table say how long it
 * is, and attention takes the same time for the zeros of new KV blocks as for other numbers. Every
 * run of a step writes the same positions, so the context keeps its length. Not thread safe.
 */
final class GrowthSteps implements AutoCloseable {
  private final Decoder decoder;
  private final SplittableRandom random = new SplittableRandom(6);
  private int usedBlocks;

  /**
   * @param decoder closed with this
   */
  GrowthSteps(Decoder decoder) {
    this.decoder = decoder;
  }

  /**
   * Returns a decode of {@code count} sequences of {@code context} tokens, the new one included.
   */
  Runnable decode(int context, int count) {
    List<Chunk> chunks =
        IntStream.range(0, count).mapToObj(sequence -> chunk(sequence, context, 1)).toList();
    return () -> decoder.step(chunks);
  }

  /** Returns the step of the last {@code tokens} of {@code context} tokens. */
  Runnable prompt(int context, int tokens) {
    List<Chunk> chunks = List.of(chunk(0, context, tokens));
    return () -> decoder.step(chunks);
  }

  private Chunk chunk(int sequence, int context, int tokens) {
    int each = Decoder.blocksFor(context);
    usedBlocks = Math.max(usedBlocks, (sequence + 1) * each);
    return new Chunk(
        IntStream.range(sequence * each, (sequence + 1) * each).toArray(),
        context - tokens,
        random.ints(tokens, 0, decoder.spec().vocabulary()).toArray(),
        Wanted.LAST);
  }

  /** Returns the number of KV blocks that have memory after the steps created so far. */
  int usedBlocks() {
    return usedBlocks;
  }

  @Override
  public void close() {
    decoder.close();
  }
}
