package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Sequence;
import io.calm.runtime.Decoder.Wanted;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class JavaDecoderTest {
  private static final RopeSpec ROPE = new RopeSpec(10000f, new RopeSpec.None());

  static List<ModelSpec> topologies() {
    return List.of(
        RandomModels.plain(),
        RandomModels.spec(
            4, 4, 26, ROPE, Set.of(LinearRole.Q, LinearRole.K, LinearRole.V), false, 0),
        RandomModels.spec(6, 1, 18, ROPE, Set.of(LinearRole.values()), true, 0),
        RandomModels.spec(4, 2, 32, new RopeSpec(1e6f, new RopeSpec.Linear(4)), Set.of(), false, 5),
        RandomModels.spec(
            3, 3, 32, new RopeSpec(5e5f, new RopeSpec.Llama3(8, 1, 4, 32)), Set.of(), true, 70));
  }

  private static int[] tokens(int count, Random random) {
    return random.ints(count, 0, 61).toArray();
  }

  private static float[][] all(Decoder decoder, int... tokens) {
    try (Sequence sequence = decoder.newSequence(tokens.length)) {
      return decoder.step(List.of(new Chunk(sequence, tokens, Wanted.ALL))).get(0);
    }
  }

  private static void assertSame(float[][] expected, float[][] actual, String message) {
    assertEquals(expected.length, actual.length, message);
    for (int t = 0; t < expected.length; t++) {
      assertArrayEquals(expected[t], actual[t], message + ", token " + t);
    }
  }

  @ParameterizedTest
  @MethodSource("topologies")
  void logitsHaveTheBitsOfThePlainLoops(ModelSpec spec) {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (ActivationMode mode : ActivationMode.values()) {
      QuantizedModel model = RandomModels.model(spec, 32, mode, random);
      int[] tokens = tokens(80, random);
      try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2)) {
        assertSame(
            new NaiveDecoder(model, KvType.FLOAT16).logits(tokens),
            all(decoder, tokens),
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
    int[] tokens = tokens(70, new Random(14));
    try (JavaDecoder decoder = JavaDecoder.withoutKvRounding(model, 2)) {
      assertSame(
          new NaiveDecoder(model, Optional.empty()).logits(tokens), all(decoder, tokens), "13, 14");
    }
  }

  @Test
  void promptsLongerThanAPassAndAPageAreTheSame() {
    QuantizedModel model =
        RandomModels.model(
            RandomModels.spec(4, 2, 16, ROPE, Set.of(), false, 150),
            64,
            ActivationMode.PER_GROUP,
            new Random(11));
    int[] tokens = tokens(330, new Random(12));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2)) {
      assertSame(
          new NaiveDecoder(model, KvType.FLOAT16).logits(tokens),
          all(decoder, tokens),
          "seed 11, 12");
    }
  }

  @ParameterizedTest
  @MethodSource("topologies")
  void neitherChunksNorNeighboursNorThreadsChangeABit(ModelSpec spec) {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    QuantizedModel model = RandomModels.model(spec, 64, ActivationMode.PER_GROUP, random);
    List<int[]> prompts = new ArrayList<>();
    List<float[][]> expected = new ArrayList<>();
    try (JavaDecoder alone = new JavaDecoder(model, KvType.FLOAT16, 1)) {
      for (int i = 0; i < 4; i++) {
        prompts.add(tokens(1 + random.nextInt(90), random));
        expected.add(all(alone, prompts.get(i)));
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, threads)) {
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
    List<Sequence> sequences = new ArrayList<>();
    List<float[][]> got = new ArrayList<>();
    for (int[] prompt : prompts) {
      sequences.add(decoder.newSequence(prompt.length));
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
          chunks.add(new Chunk(sequences.get(i), Arrays.copyOfRange(prompt, from, to), Wanted.ALL));
          owners.add(i);
        }
      }
      if (!open) {
        sequences.forEach(Sequence::close);
        return got;
      }
      if (!chunks.isEmpty()) {
        List<float[][]> results = decoder.step(chunks);
        for (int c = 0; c < chunks.size(); c++) {
          int end = chunks.get(c).sequence().length();
          float[][] rows = results.get(c);
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
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1)) {
      float[][] every = all(decoder, tokens);
      List<float[][]> results =
          decoder.step(
              List.of(
                  new Chunk(decoder.newSequence(4), tokens, Wanted.NONE),
                  new Chunk(decoder.newSequence(9), tokens, Wanted.LAST)));
      assertEquals(0, results.get(0).length);
      assertSame(new float[][] {every[3]}, results.get(1), "last");
    }
  }

  @Test
  void greedyContinuationWithTheCacheIsTheOneWithout() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(21));
    int[] prompt = tokens(10, new Random(22));
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2);
        Sequence sequence = decoder.newSequence(40)) {
      int[] tokens = prompt;
      int[] next = prompt;
      for (int i = 0; i < 30; i++) {
        int cached =
            argmax(decoder.step(List.of(new Chunk(sequence, next, Wanted.LAST))).get(0)[0]);
        float[][] whole = all(decoder, tokens);
        assertEquals(argmax(whole[whole.length - 1]), cached, "token " + i);
        tokens = Arrays.copyOf(tokens, tokens.length + 1);
        tokens[tokens.length - 1] = cached;
        next = new int[] {cached};
      }
      assertEquals(39, sequence.length());
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
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1);
        JavaDecoder other = new JavaDecoder(model, KvType.FLOAT16, 1)) {
      assertThrows(IllegalArgumentException.class, () -> decoder.newSequence(0));
      assertThrows(IllegalArgumentException.class, () -> decoder.newSequence(601));
      Sequence sequence = decoder.newSequence(5);
      Sequence neighbour = decoder.newSequence(5);
      decoder.step(List.of(new Chunk(sequence, new int[] {1, 2, 3}, Wanted.NONE)));
      refused(decoder, "expected token ids 0 to 60, got 61", neighbour, sequence, 61);
      refused(decoder, "expected token ids 0 to 60, got -1", neighbour, sequence, -1);
      refused(
          decoder,
          "at most 2 tokens, the sequence holding 3 of 5, got 3",
          neighbour,
          sequence,
          1,
          1,
          1);
      refused(decoder, "in the step twice", sequence, sequence, 1);
      refused(decoder, "of another decoder", sequence, other.newSequence(5), 1);
      Sequence closed = decoder.newSequence(5);
      closed.close();
      refused(decoder, "expected an open sequence, got one that is closed", sequence, closed, 1);
      assertThrows(IllegalArgumentException.class, () -> decoder.step(List.of()));
      assertEquals(3, sequence.length());
      assertEquals(0, neighbour.length());
      float[][] expected = all(decoder, 1, 2, 3, 4);
      float[][] got = decoder.step(List.of(new Chunk(sequence, new int[] {4}, Wanted.LAST))).get(0);
      assertArrayEquals(expected[3], got[0]);
    }
  }

  private static void refused(
      Decoder decoder, String message, Sequence first, Sequence second, int... tokens) {
    List<Chunk> chunks =
        List.of(
            new Chunk(first, new int[] {7}, Wanted.LAST), new Chunk(second, tokens, Wanted.LAST));
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> decoder.step(chunks));
    assertTrue(String.valueOf(e.getMessage()).contains(message), e.getMessage());
  }
}
