package io.calm.bench;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.runtime.NativeDecoder;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Times the steps of a decoder on random tokens. Not thread safe. */
public final class DecoderBench implements AutoCloseable {
  /** Tokens of the prompt before a timed decode. */
  public static final int CONTEXT = 64;

  /** KV blocks that the decoder must have. */
  public static final int BLOCKS = 1024;

  private static final int CHUNK = 256;
  private static final double NANOS = 1e9;

  private final NativeDecoder decoder;
  private final DecoderSequences sequences;
  private final SplittableRandom random = new SplittableRandom(2);

  /**
   * @param decoder closed with this
   */
  public DecoderBench(NativeDecoder decoder) {
    this.decoder = decoder;
    this.sequences = new DecoderSequences(decoder);
  }

  /**
   * Returns the tokens per second of {@code steps} steps of {@code count} sequences, each after
   * {@link #CONTEXT} tokens.
   */
  public double decode(int count, int steps) {
    List<Sequence> running = filled(count, CONTEXT);
    long start = System.nanoTime();
    for (int step = 0; step < steps; step++) {
      decoder.step(running.stream().map(sequence -> chunk(sequence, 1, Wanted.LAST)).toList());
    }
    long time = System.nanoTime() - start;
    running.forEach(Sequence::close);
    return count * steps * NANOS / time;
  }

  /** Returns the tokens per second of a prompt in one step, including the last token's logits. */
  public double prefill(int tokens) {
    try (Sequence sequence = sequences.open()) {
      List<Chunk> prompt = List.of(chunk(sequence, tokens, Wanted.LAST));
      long start = System.nanoTime();
      decoder.step(prompt);
      return tokens * NANOS / (System.nanoTime() - start);
    }
  }

  /** Returns the time that the threads spent in each part of {@code steps} decodes. */
  public NativeDecoder.Times times(List<Sequence> sequences, int steps) {
    decoder.startTimes();
    for (int step = 0; step < steps; step++) {
      decoder.step(sequences.stream().map(sequence -> chunk(sequence, 1, Wanted.LAST)).toList());
    }
    return decoder.stopTimes();
  }

  /** Returns {@code count} sequences that hold {@code tokens} tokens each. */
  public List<Sequence> filled(int count, int tokens) {
    List<Sequence> filled = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      filled.add(filled(tokens));
    }
    return filled;
  }

  /** Returns a sequence that holds {@code tokens} tokens. */
  public Sequence filled(int tokens) {
    Sequence sequence = sequences.open();
    for (int done = 0; done < tokens; done += CHUNK) {
      decoder.step(List.of(chunk(sequence, Math.min(CHUNK, tokens - done), Wanted.NONE)));
    }
    return sequence;
  }

  private Chunk chunk(Sequence sequence, int tokens, Wanted wanted) {
    return sequence.append(random.ints(tokens, 0, decoder.spec().vocabulary()).toArray(), wanted);
  }

  @Override
  public void close() {
    decoder.close();
  }
}
