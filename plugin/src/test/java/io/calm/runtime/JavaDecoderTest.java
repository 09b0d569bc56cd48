package io.calm.runtime;

import static io.calm.runtime.Decodes.assertSame;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.tensor.Lifetime;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class JavaDecoderTest {
  private static final RopeSpec ROPE = new RopeSpec(10000f, new RopeSpec.None());

  @ParameterizedTest
  @MethodSource("io.calm.runtime.RandomModels#topologies")
  void logitsHaveTheBitsOfThePlainLoops(ModelSpec spec) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (ActivationMode mode : ActivationMode.values()) {
      QuantizedModel model = RandomModels.model(spec, 32, mode, random);
      int[] tokens = RandomModels.tokens(80, random);
      try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, Decodes.BLOCKS)) {
        assertSame(
            new NaiveDecoder(model, KvType.FLOAT16).logits(tokens),
            Decodes.all(decoder, tokens),
            "seed " + seed + mode);
      }
    }
  }

  @Test
  void keysAndValuesThatAreNotRoundedAreThoseThatWereComputed() {
    QuantizedModel model =
        RandomModels.model(
            RandomModels.spec(4, 2, 16, ROPE, Set.of(), false, 0),
            32,
            ActivationMode.PER_GROUP,
            new Random(13));
    int[] tokens = RandomModels.tokens(70, new Random(14));
    try (JavaDecoder decoder = JavaDecoder.withoutKvRounding(model, 2, Decodes.BLOCKS)) {
      assertSame(
          new NaiveDecoder(model, Optional.empty()).logits(tokens),
          Decodes.all(decoder, tokens),
          "13, 14");
    }
  }

  @Test
  void promptsLongerThanAPassAndABlockAreTheSame() {
    QuantizedModel model =
        RandomModels.model(
            RandomModels.spec(4, 2, 16, ROPE, Set.of(), false, 150),
            64,
            ActivationMode.PER_GROUP,
            new Random(11));
    int[] tokens = RandomModels.tokens(330, new Random(12));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, Decodes.BLOCKS)) {
      assertSame(
          new NaiveDecoder(model, KvType.FLOAT16).logits(tokens),
          Decodes.all(decoder, tokens),
          "seed 11, 12");
    }
  }

  @ParameterizedTest
  @MethodSource("io.calm.runtime.RandomModels#topologies")
  void neitherChunksNorNeighboursNorThreadsChangeABit(ModelSpec spec) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    QuantizedModel model = RandomModels.model(spec, 64, ActivationMode.PER_GROUP, random);
    List<int[]> prompts = new ArrayList<>();
    List<float[][]> expected = new ArrayList<>();
    try (JavaDecoder alone = new JavaDecoder(model, KvType.FLOAT16, 1, Decodes.BLOCKS)) {
      for (int i = 0; i < 4; i++) {
        prompts.add(RandomModels.tokens(1 + random.nextInt(90), random));
        expected.add(Decodes.all(alone, prompts.get(i)));
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, threads, Decodes.BLOCKS)) {
        List<float[][]> got = mixed(decoder, prompts, random);
        for (int i = 0; i < prompts.size(); i++) {
          assertSame(
              expected.get(i),
              got.get(i),
              "seed %d, %d threads, prompt %d".formatted(seed, threads, i));
        }
      }
    }
  }

  /** Feeds all prompts in chunks of random sizes, any of them in a step. */
  static List<float[][]> mixed(Decoder decoder, List<int[]> prompts, Random random) {
    DecoderSequences pool = new DecoderSequences(decoder);
    List<Sequence> sequences = new ArrayList<>();
    List<float[][]> got = new ArrayList<>();
    for (int[] prompt : prompts) {
      sequences.add(pool.open());
      got.add(new float[prompt.length][]);
    }
    while (true) {
      List<Chunk> chunks = new ArrayList<>();
      List<Integer> owners = new ArrayList<>();
      boolean open = false;
      for (int i = 0; i < prompts.size(); i++) {
        int[] prompt = prompts.get(i);
        int from = sequences.get(i).length();
        open |= from < prompt.length;
        if (from < prompt.length && random.nextInt(3) > 0) {
          int to = Math.min(prompt.length, from + 1 + random.nextInt(40));
          chunks.add(sequences.get(i).append(Arrays.copyOfRange(prompt, from, to), Wanted.ALL));
          owners.add(i);
        }
      }
      if (!open) {
        sequences.forEach(Sequence::close);
        return got;
      }
      if (!chunks.isEmpty()) {
        List<List<Logits>> results = decoder.step(chunks);
        for (int c = 0; c < chunks.size(); c++) {
          int end = chunks.get(c).end();
          float[][] rows = Decodes.copy(results.get(c));
          System.arraycopy(rows, 0, got.get(owners.get(c)), end - rows.length, rows.length);
        }
      }
    }
  }

  @Test
  void onlyTheRowsThatAreWantedHaveLogits() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(2));
    int[] tokens = {1, 2, 3, 4};
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, Decodes.BLOCKS)) {
      float[][] every = Decodes.all(decoder, tokens);
      DecoderSequences pool = new DecoderSequences(decoder);
      List<List<Logits>> results =
          decoder.step(
              List.of(
                  pool.open().append(tokens, Wanted.NONE),
                  pool.open().append(tokens, Wanted.LAST)));
      assertEquals(0, results.get(0).size());
      assertSame(new float[][] {every[3]}, Decodes.copy(results.get(1)), "last");
    }
  }

  @Test
  void greedyContinuationWithTheCacheIsTheOneWithout() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(21));
    int[] prompt = RandomModels.tokens(10, new Random(22));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, Decodes.BLOCKS)) {
      DecoderSequences pool = new DecoderSequences(decoder);
      Sequence sequence = pool.open();
      int[] tokens = prompt;
      int[] next = prompt;
      for (int i = 0; i < 30; i++) {
        Chunk chunk = sequence.append(next, Wanted.LAST);
        int cached = argmax(decoder.step(List.of(chunk)).get(0).get(0).values());
        Sequence other = pool.open();
        Chunk whole = other.append(tokens, Wanted.LAST);
        assertEquals(
            argmax(decoder.step(List.of(whole)).get(0).get(0).values()), cached, "token " + i);
        other.close();
        tokens = Arrays.copyOf(tokens, tokens.length + 1);
        tokens[tokens.length - 1] = cached;
        next = new int[] {cached};
      }
      assertEquals(39, sequence.length());
    }
  }

  @Test
  void fullBlocksMayBeReadByMany() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(23));
    int[] tokens = RandomModels.tokens(150, new Random(24));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, Decodes.BLOCKS)) {
      int[] other = tokens.clone();
      other[140] = (other[140] + 1) % 61;
      float[][] expected = Decodes.all(decoder, tokens);
      float[][] expectedOther = Decodes.all(decoder, other);
      int[] prefix = Arrays.copyOf(tokens, 128);
      decoder.step(List.of(new Chunk(new int[] {90, 7}, 0, prefix, Wanted.NONE)));
      List<List<Logits>> rows =
          decoder.step(
              List.of(
                  new Chunk(
                      new int[] {90, 7, 33}, 128, Arrays.copyOfRange(tokens, 128, 150), Wanted.ALL),
                  new Chunk(
                      new int[] {90, 7, 2}, 128, Arrays.copyOfRange(other, 128, 150), Wanted.ALL)));
      assertSame(
          Arrays.copyOfRange(expected, 128, 150), Decodes.copy(rows.get(0)), "the first reader");
      assertSame(
          Arrays.copyOfRange(expectedOther, 128, 150), Decodes.copy(rows.get(1)), "the second");
    }
  }

  private static int argmax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }

  @Test
  void callersErrorsChangeNothing() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(3));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, 12)) {
      float[][] expected = Decodes.all(decoder, 1, 2, 3, 4);
      decoder.step(List.of(new Chunk(new int[] {5}, 0, new int[] {1, 2, 3}, Wanted.NONE)));
      Chunk good = new Chunk(new int[] {0}, 0, new int[] {7}, Wanted.LAST);
      refused(decoder, "chunk 1: expected token ids 0 to 60, got 61", good, next(5, 61));
      refused(decoder, "chunk 1: expected token ids 0 to 60, got -1", good, next(5, -1));
      refused(decoder, "chunk 1: expected blocks 0 to 11, got 12", good, next(12, 1));
      refused(decoder, "chunk 1: expected blocks 0 to 11, got -1", good, next(-1, 1));
      refused(decoder, "block 0 is written by chunk 0 in the same step", good, next(0, 1));
      int[] table = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
      refused(
          decoder,
          "chunk 0: its block 5 is written by chunk 1 in the same step",
          new Chunk(new int[] {5, 1}, 64, new int[] {1}, Wanted.NONE),
          next(5, 1));
      refused(
          decoder,
          "contains block 1 twice",
          good,
          new Chunk(new int[] {1, 1}, 64, new int[] {1}, Wanted.NONE));
      refused(
          decoder,
          "chunk 1: expected positions 0 to 599, got 2 tokens starting at position 599",
          good,
          new Chunk(table, 599, new int[] {1, 2}, Wanted.NONE));
      assertThrows(IllegalArgumentException.class, () -> decoder.step(List.of()));
      Logits last = decoder.step(List.of(next(5, 4))).get(0).get(0);
      assertArrayEquals(expected[3], last.values());
    }
  }

  private static Chunk next(int block, int token) {
    return new Chunk(new int[] {block}, 3, new int[] {token}, Wanted.LAST);
  }

  private static void refused(Decoder decoder, String message, Chunk... chunks) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> decoder.step(List.of(chunks)));
    assertTrue(String.valueOf(e.getMessage()).contains(message), e.getMessage());
  }

  @Test
  void aChunkAndItsTableBelongTogether() {
    int[] one = {1};
    assertThrows(IllegalArgumentException.class, () -> new Chunk(one, 0, new int[0], Wanted.NONE));
    assertThrows(IllegalArgumentException.class, () -> new Chunk(one, -1, one, Wanted.NONE));
    assertThrows(IllegalArgumentException.class, () -> new Chunk(one, 64, one, Wanted.NONE));
    assertThrows(IllegalArgumentException.class, () -> new Chunk(new int[2], 0, one, Wanted.NONE));
  }

  @Test
  void aConstructorThatFailsGivesItsLeaseBack() {
    for (int threads = 0; threads < 3; threads += 2) {
      AtomicInteger released = new AtomicInteger();
      Lifetime lifetime = new Lifetime(released::incrementAndGet);
      QuantizedModel model =
          threads == 0
              ? RandomModels.lasting(lifetime, RandomModels.plain())
              : RandomModels.withoutAngles(lifetime);
      int count = threads;
      assertThrows(
          IllegalArgumentException.class, () -> new JavaDecoder(model, KvType.INT8, count, 1));
      lifetime.close();
      assertEquals(1, released.get(), "with %d threads".formatted(threads));
    }
  }

  @Test
  void aClosedDecoderSaysSoAndGivesItsLeaseBack() {
    AtomicInteger released = new AtomicInteger();
    Lifetime lifetime = new Lifetime(released::incrementAndGet);
    QuantizedModel model = RandomModels.lasting(lifetime, RandomModels.plain());
    JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, 1);
    lifetime.close();
    Chunk chunk = new Chunk(new int[] {0}, 0, new int[] {7}, Wanted.LAST);
    assertEquals(1, decoder.step(List.of(chunk)).get(0).size());
    assertEquals(0, released.get());
    decoder.close();
    decoder.close();
    assertEquals(1, released.get());
    assertThrows(IllegalStateException.class, () -> decoder.step(List.of(chunk)));
    assertThrows(IllegalStateException.class, () -> new JavaDecoder(model, KvType.FLOAT16, 1, 1));
  }
}
