package io.calm.calibration;

import io.calm.checkpoint.CheckpointException;
import io.calm.runtime.Decoder;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.StepFailedException;
import io.calm.tensor.Parallel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Samples calibration sequences from the model itself, at temperature 1. No data set is needed. The
 * idea is that of LLM-QAT (arXiv 2305.17888, section 3.1), with a cheap W4A8 model instead of the
 * full-precision one.
 *
 * <p>Three of four sequences continue an {@linkplain TextOpenings opening}, in the order of the
 * list. Among the others, a start token alone and a random token of the vocabulary take turns; if
 * the model has no token that starts a text, it is always a random token. The start token is in
 * front of openings and random tokens if the tokenizer always adds it.
 *
 * <p>Behind the end of a text some models fall into a loop of control tokens. A sequence with more
 * of them than one in {@link #MAX_CONTROL_SHARE} is sampled again without any. The same seed gives
 * the same tokens on every machine that computes the same logits.
 */
public final class SelfSampler {
  /** Maximum number of sequences per step. Limits the memory of the logits. */
  private static final int BATCH = 64;

  /** Returns the number of KV blocks that the decoder needs for sequences of that length. */
  public static int blocks(int length) {
    return BATCH * Decoder.blocksFor(length);
  }

  /** Every n-th sequence has no opening. */
  private static final int FREE_EVERY = 4;

  /** A sequence has at most one control token in so many. Turns of a chat have fewer. */
  static final int MAX_CONTROL_SHARE = 16;

  private final Decoder decoder;
  private final DecoderSequences sequences;
  private final OptionalInt bos;
  private final boolean alwaysBos;
  private final int[] plainTokens;
  private final List<int[]> openings;
  private final Parallel parallel;

  /**
   * Creates a sampler.
   *
   * @param bos token that starts a text; empty if the model has none
   * @param alwaysBos whether the tokenizer puts it before every text
   * @param plainTokens possible tokens, in ascending order: the vocabulary without control tokens
   * @param openings token ids of openings without start token; if there are none, sequences start
   *     with random tokens instead
   */
  public SelfSampler(
      Decoder decoder,
      OptionalInt bos,
      boolean alwaysBos,
      int[] plainTokens,
      List<int[]> openings,
      Parallel parallel) {
    this.decoder = decoder;
    this.sequences = new DecoderSequences(decoder);
    this.bos = bos;
    this.alwaysBos = alwaysBos;
    this.plainTokens = plainTokens.clone();
    this.openings = List.copyOf(openings);
    this.parallel = parallel;
  }

  /** Returns the number of tokens that {@link #sample} samples. */
  public static int tokens(int samples, int length) {
    return Math.multiplyExact(CalibrationSet.total(samples), length);
  }

  /**
   * Samples the sequences of a calibration set.
   *
   * @param samples number of sequences to fit on; {@link CalibrationSet#heldOut} more to score and
   *     as many to guard are added
   * @param length tokens per sequence
   * @param progress receives the number of tokens of all sequences so far, of {@link #tokens}
   * @throws CheckpointException if the model's numbers are not finite
   */
  public CalibrationSet sample(int samples, int length, long seed, IntConsumer progress) {
    int total = CalibrationSet.total(samples);
    SplittableRandom random = new SplittableRandom(seed);
    List<int[]> sequences = new ArrayList<>();
    for (int from = 0; from < total; from += BATCH) {
      sequences.addAll(batch(from, Math.min(total, from + BATCH), length, random, progress));
    }
    int heldOut = CalibrationSet.heldOut(samples);
    return new CalibrationSet(
        "self",
        seed,
        sequences.subList(0, samples),
        sequences.subList(samples, samples + heldOut),
        sequences.subList(samples + heldOut, total));
  }

  private List<int[]> batch(
      int from, int to, int length, SplittableRandom random, IntConsumer progress) {
    List<Writer> writers =
        IntStream.range(from, to).mapToObj(i -> new Writer(i, length, random.split())).toList();
    try {
      List<Writer> unfinished = unfinished(writers);
      int most = 0;
      while (!unfinished.isEmpty()) {
        step(unfinished);
        int written = writers.stream().mapToInt(w -> w.written).sum();
        if (written > most) { // not after a sequence has begun again
          most = written;
          progress.accept(from * length + written);
        }
        unfinished = unfinished(writers);
      }
      return writers.stream().map(w -> w.tokens).toList();
    } finally {
      writers.forEach(w -> w.sequence.close());
    }
  }

  private static List<Writer> unfinished(List<Writer> writers) {
    return writers.stream().filter(w -> w.written < w.tokens.length).toList();
  }

  private void step(List<Writer> writers) {
    List<Decoder.Chunk> chunks =
        writers.stream().map(w -> w.sequence.append(w.next(), Decoder.Wanted.LAST)).toList();
    List<List<Decoder.Logits>> logits = logits(chunks);
    parallel.ranges(
        writers.size(),
        (from, to) -> {
          for (int i = from; i < to; i++) {
            writers.get(i).draw(logits.get(i).get(0).values());
          }
        });
    writers.forEach(Writer::checkControl);
  }

  private List<List<Decoder.Logits>> logits(List<Decoder.Chunk> chunks) {
    try {
      return decoder.step(chunks);
    } catch (StepFailedException e) {
      throw new CheckpointException(
          "the model cannot write its calibration: %s; convert or download it again"
              .formatted(e.getMessage()),
          e);
    }
  }

  /** One sequence that is being sampled. */
  private final class Writer {
    final SplittableRandom random;
    final int[] start;
    final int[] tokens;
    DecoderSequences.Sequence sequence = sequences.open();
    int written;
    int fed;
    int control;
    boolean plainOnly;

    Writer(int index, int length, SplittableRandom random) {
      this.random = random;
      tokens = new int[length];
      boolean free = index % FREE_EVERY == 0;
      boolean bosAlone = free && bos.isPresent() && index / FREE_EVERY % 2 == 0;
      if (bosAlone || (bos.isPresent() && alwaysBos)) {
        write(bos.getAsInt());
      }
      if (!bosAlone) {
        if (free || openings.isEmpty()) {
          write(plainTokens[random.nextInt(plainTokens.length)]);
        } else {
          int number = index - index / FREE_EVERY - 1; // among the sequences that are not free
          int[] opening = openings.get(number % openings.size());
          // At least half is the model's own, so sequences with the same opening differ as well.
          int limit = Math.max(1, (length - written) / 2);
          write(Arrays.copyOf(opening, Math.min(opening.length, limit)));
        }
      }
      start = Arrays.copyOf(tokens, written);
    }

    private void write(int... start) {
      int count = Math.min(start.length, tokens.length - written);
      System.arraycopy(start, 0, tokens, written, count);
      written += count;
    }

    /** Returns the tokens that the decoder has not read yet. */
    int[] next() {
      int[] chunk = Arrays.copyOfRange(tokens, fed, written);
      fed = written;
      return chunk;
    }

    void draw(float[] logits) {
      int token = multinomial(plainOnly ? plain(logits) : logits, random.nextDouble());
      tokens[written++] = token;
      if (!plainOnly && Arrays.binarySearch(plainTokens, token) < 0) {
        control++;
      }
    }

    /** Begins the sequence again, without control tokens, if it has too many of them. */
    void checkControl() {
      if (!plainOnly && control > tokens.length / MAX_CONTROL_SHARE) {
        plainOnly = true;
        sequence.close();
        sequence = sequences.open();
        written = 0;
        fed = 0;
        write(start);
      }
    }
  }

  /** Returns {@code logits} with all other tokens impossible. */
  private float[] plain(float[] logits) {
    float[] plain = new float[logits.length];
    Arrays.fill(plain, Float.NEGATIVE_INFINITY);
    for (int token : plainTokens) {
      plain[token] = logits[token];
    }
    return plain;
  }

  /** Returns the index at which the cumulated softmax passes {@code point} in 0..1. */
  private static int multinomial(float[] logits, double point) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double[] weights = new double[logits.length];
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      weights[i] = Math.exp(logits[i] - max);
      sum += weights[i];
    }
    double target = point * sum;
    double cumulated = 0;
    for (int i = 0; i < logits.length; i++) {
      cumulated += weights[i];
      if (cumulated > target) {
        return i;
      }
    }
    return logits.length - 1;
  }
}
