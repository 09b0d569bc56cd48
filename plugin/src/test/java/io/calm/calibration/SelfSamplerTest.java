package io.calm.calibration;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.StepFailedException;
import io.calm.tensor.Parallel;
import io.calm.testing.LogitRows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Samples of a model with uniform logits: reproducible, spread, independent. */
class SelfSamplerTest {
  private static final int VOCABULARY = 1000;
  private static final int BOS = 999;
  private static final int SAMPLES = 64;
  private static final int LENGTH = 32;

  /** A model whose next token does not depend on those before. */
  private static class Memoryless implements Decoder {
    private final float[] logits;

    Memoryless(float[] logits) {
      this.logits = logits;
    }

    @Override
    public ModelSpec spec() {
      throw new UnsupportedOperationException("the sampler has no need of it");
    }

    @Override
    public int blocks() {
      return SelfSampler.blocks(LENGTH);
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      return chunks.stream().map(chunk -> LogitRows.wanted(chunk, i -> logits)).toList();
    }

    @Override
    public void close() {
      // nothing is held
    }
  }

  private static List<int[]> sample(float[] logits, OptionalInt bos, boolean always, long seed) {
    return sample(logits, bos, always, List.of(), seed);
  }

  private static List<int[]> sample(
      float[] logits, OptionalInt bos, boolean always, List<int[]> openings, long seed) {
    int[] plainTokens = IntStream.range(0, BOS).toArray();
    try (Parallel parallel = new Parallel(2);
        Decoder decoder = new Memoryless(logits)) {
      List<Integer> progress = new ArrayList<>();
      CalibrationSet set =
          new SelfSampler(decoder, bos, always, plainTokens, openings, parallel)
              .sample(SAMPLES, LENGTH, seed, progress::add);
      assertEquals(progress.stream().sorted().distinct().toList(), progress, "goes back");
      assertEquals(SelfSampler.tokens(SAMPLES, LENGTH), progress.get(progress.size() - 1));
      assertEquals(SAMPLES, set.fit().size());
      assertEquals(SAMPLES / 4, set.score().size());
      assertEquals(SAMPLES / 4, set.guard().size());
      assertEquals(seed, set.seed());
      return Stream.of(set.fit(), set.score(), set.guard()).flatMap(List::stream).toList();
    }
  }

  private static List<int[]> flat(long seed) {
    return sample(new float[VOCABULARY], OptionalInt.empty(), false, seed);
  }

  @Test
  void aModelWithoutFiniteLogitsIsRefused() {
    Decoder failing =
        new Memoryless(new float[VOCABULARY]) {
          @Override
          public List<List<Logits>> step(List<Chunk> chunks) {
            throw new StepFailedException("block 2, linear O: NaN", Set.of(0));
          }
        };
    try (Parallel parallel = new Parallel(1)) {
      SelfSampler sampler =
          new SelfSampler(failing, OptionalInt.empty(), false, new int[] {1}, List.of(), parallel);
      CheckpointException refused =
          assertThrows(
              CheckpointException.class, () -> sampler.sample(SAMPLES, LENGTH, 7, written -> {}));
      assertTrue(refused.getMessage().contains("block 2, linear O: NaN"), refused::getMessage);
    }
  }

  @Test
  void theSameSeedGivesTheSameTokens() {
    List<int[]> first = flat(7);
    List<int[]> second = flat(7);
    for (int i = 0; i < first.size(); i++) {
      assertArrayEquals(first.get(i), second.get(i));
    }
  }

  @Test
  void sequencesAndNeighbouringSeedsShareNoRandomNumbers() {
    Set<List<Integer>> runs = new HashSet<>();
    int count = 0;
    for (long seed = -1; seed <= 3; seed++) {
      for (int[] tokens : flat(seed)) {
        // The first token is drawn in another way; the same numbers would show behind it.
        for (int from = 1; from + 4 <= LENGTH; from++) {
          runs.add(Arrays.stream(tokens, from, from + 4).boxed().toList());
          count++;
        }
      }
    }
    assertEquals(count, runs.size(), "four tokens in a row of 1000^4 possible ones came twice");
  }

  /** A model that always wants to end the text goes on with plain tokens. */
  @Test
  void aLoopOfControlTokensIsSampledAgainWithoutThem() {
    float[] logits = new float[VOCABULARY];
    logits[BOS] = 100;
    List<int[]> sequences = sample(logits, OptionalInt.of(BOS), true, 0);
    for (int[] tokens : sequences) {
      assertEquals(BOS, tokens[0]);
      assertEquals(1, Arrays.stream(tokens).filter(token -> token == BOS).count());
    }
    long distinct = sequences.stream().flatMapToInt(Arrays::stream).distinct().count();
    assertTrue(distinct > 0.9 * BOS, distinct + " of " + BOS);
  }

  /** The ends of texts and the turns of a chat stay. */
  @Test
  void aFewControlTokensStay() {
    int most = LENGTH / SelfSampler.MAX_CONTROL_SHARE;
    float[] logits = new float[VOCABULARY];
    logits[BOS] = (float) Math.log(BOS / (2.0 * LENGTH)); // one in two sequences
    int[] counts =
        sample(logits, OptionalInt.empty(), false, 0).stream()
            .mapToInt(tokens -> (int) Arrays.stream(tokens).filter(t -> t == BOS).count())
            .toArray();
    assertTrue(Arrays.stream(counts).allMatch(count -> count <= most), Arrays.toString(counts));
    assertTrue(Arrays.stream(counts).anyMatch(count -> count == 1), Arrays.toString(counts));
  }

  @Test
  void firstTokensAreSpreadOverTheVocabulary() {
    List<int[]> sequences = flat(0);
    int[] first = sequences.stream().mapToInt(tokens -> tokens[0]).distinct().toArray();
    assertTrue(first.length > 0.85 * sequences.size(), first.length + " first tokens");
    int[] quarters = new int[4];
    Arrays.stream(first).forEach(token -> quarters[token * 4 / BOS]++);
    for (int quarter : quarters) {
      assertTrue(quarter >= 10, Arrays.toString(quarters));
    }
  }

  @Test
  void everyEighthStartsWithTheBeginningOfTextAlone() {
    List<int[]> sometimes = sample(new float[VOCABULARY], OptionalInt.of(BOS), false, 0);
    List<int[]> always = sample(new float[VOCABULARY], OptionalInt.of(BOS), true, 0);
    for (int i = 0; i < sometimes.size(); i++) {
      assertEquals(i % 8 == 0, sometimes.get(i)[0] == BOS, "sequence " + i);
      assertEquals(BOS, always.get(i)[0], "sequence " + i);
    }
  }

  @Test
  void threeOfFourContinueTheOpeningsInTurn() {
    int[] longer = IntStream.range(0, LENGTH + 5).toArray();
    List<int[]> openings = List.of(new int[] {11, 12}, new int[] {21}, longer);
    List<int[]> plain = sample(new float[VOCABULARY], OptionalInt.empty(), false, openings, 0);
    List<int[]> behindBos = sample(new float[VOCABULARY], OptionalInt.of(BOS), true, openings, 0);
    int next = 0;
    for (int i = 0; i < plain.size(); i++) {
      if (i % 4 == 0) {
        continue;
      }
      int[] opening = openings.get(next++ % openings.size());
      assertStart(opening, plain.get(i), 0);
      assertStart(opening, behindBos.get(i), 1);
    }
    assertEquals(plain.size() * 3 / 4, next);
  }

  @Test
  void shortSequencesWithTheSameOpeningDiffer() {
    List<int[]> openings = List.of(IntStream.range(0, LENGTH).toArray());
    List<int[]> sequences = sample(new float[VOCABULARY], OptionalInt.empty(), false, openings, 0);
    long different = sequences.stream().map(Arrays::toString).distinct().count();
    assertEquals(sequences.size(), different);
  }

  private static void assertStart(int[] opening, int[] tokens, int from) {
    int count = Math.min(opening.length, (LENGTH - from) / 2);
    assertArrayEquals(
        Arrays.copyOf(opening, count), Arrays.copyOfRange(tokens, from, from + count));
  }

  @Test
  void tokensComeAsOftenAsTheModelSays() {
    float[] logits = new float[VOCABULARY];
    Arrays.fill(logits, Float.NEGATIVE_INFINITY);
    logits[3] = (float) Math.log(0.75);
    logits[700] = (float) Math.log(0.25);
    long drawn = 0;
    long third = 0;
    for (int[] tokens : sample(logits, OptionalInt.empty(), false, 11)) {
      drawn += LENGTH - 1;
      third += Arrays.stream(tokens, 1, LENGTH).filter(token -> token == 3).count();
    }
    double deviation = Math.sqrt(drawn * 0.75 * 0.25);
    assertTrue(Math.abs(third - 0.75 * drawn) < 5 * deviation, third + " of " + drawn);
  }
}
