package io.calm.runtime;

import static io.calm.runtime.Decodes.assertSame;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeVariants;
import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.tensor.Lifetime;
import io.calm.testing.BufferPools;
import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole steps of every variant against the Java decoder, bit for bit. */
class NativeDecoderTest {
  private static final RopeSpec ROPE = new RopeSpec(10000f, new RopeSpec.None());

  record Case(KernelVariant variant, KvType kvType) {
    @Override
    public String toString() {
      return variant.name() + ", " + kvType.setting();
    }
  }

  static Stream<Case> cases() {
    return NativeVariants.here()
        .flatMap(variant -> Arrays.stream(KvType.values()).map(kv -> new Case(variant, kv)));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void logitsAreMeasuredToTheBitOfTheJavaDecoder(Case c) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, random);
    int[] tokens = RandomModels.tokens(50, random);
    try (JavaDecoder java = new JavaDecoder(model, c.kvType(), 2, 1);
        NativeDecoder decoder = new NativeDecoder(c.variant(), model, c.kvType(), 2, 1)) {
      Decoder.Chunk chunk = new Decoder.Chunk(new int[] {0}, 0, tokens, Wanted.ALL);
      List<Decoder.Logits> expected = java.step(List.of(chunk)).get(0);
      List<Decoder.Logits> actual = decoder.step(List.of(chunk)).get(0);
      for (int t = 0; t < tokens.length; t++) {
        assertEquals(expected.get(t).largest(), actual.get(t).largest(), "seed " + seed);
        assertEquals(expected.get(t).logSum(), actual.get(t).logSum(), "seed " + seed);
        double sum = 0;
        for (float value : actual.get(t).values()) {
          sum += Math.exp(value);
        }
        assertEquals(Math.log(sum), actual.get(t).logSum(), 1e-6 * Math.abs(Math.log(sum)));
      }
    }
  }

  /** Other memory may be freed meanwhile, and none is taken: so there is never more than before. */
  @ParameterizedTest
  @MethodSource("cases")
  void closingFreesKeysValuesAndBuffersAtOnce(Case c) {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(5));
    int[] tokens = RandomModels.tokens(500, new Random(6));
    long before = BufferPools.direct();
    NativeDecoder decoder = new NativeDecoder(c.variant(), model, c.kvType(), 2, Decodes.BLOCKS);
    Decodes.all(decoder, tokens);
    long held = BufferPools.direct();
    decoder.close();
    long left = BufferPools.direct();
    assertTrue(left < held, "keys and values lie outside the heap");
    assertTrue(left <= before + Long.BYTES * 8, "what a closed decoder leaves");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aConstructorThatFailsLeavesNothing(Case c) {
    AtomicInteger released = new AtomicInteger();
    Lifetime lifetime = new Lifetime(released::incrementAndGet);
    QuantizedModel model = RandomModels.withoutAngles(lifetime);
    long before = BufferPools.direct();
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new NativeDecoder(c.variant(), model, c.kvType(), 2, Decodes.BLOCKS));
    assertTrue(String.valueOf(e.getMessage()).contains("expected 8 divisors"), e.getMessage());
    assertTrue(BufferPools.direct() <= before + Long.BYTES * 8, "the parameters of the model in C");
    lifetime.close();
    assertEquals(1, released.get(), "the lease");
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyTopologyHasTheBitsOfTheJavaDecoder(Case c) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (ModelSpec spec : RandomModels.topologies()) {
      for (ActivationMode mode : ActivationMode.values()) {
        int group = 32 << random.nextInt(3);
        QuantizedModel model = RandomModels.model(spec, group, mode, random);
        int[] tokens = RandomModels.tokens(80, random);
        try (JavaDecoder java = new JavaDecoder(model, c.kvType(), 2, Decodes.BLOCKS);
            NativeDecoder decoder =
                new NativeDecoder(c.variant(), model, c.kvType(), 2, Decodes.BLOCKS)) {
          String message = "seed %d, %s, group %d, %s".formatted(seed, mode, group, spec);
          assertSame(Decodes.all(java, tokens), Decodes.all(decoder, tokens), message);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void promptsOverSeveralSplitsAndPassesHaveTheBitsOfTheJavaDecoder(Case c) {
    for (int window : new int[] {0, 300}) {
      QuantizedModel model =
          RandomModels.model(
              RandomModels.spec(4, 2, 24, ROPE, Set.of(), false, window),
              64,
              ActivationMode.PER_GROUP,
              new Random(11));
      int[] tokens = RandomModels.tokens(580, new Random(12));
      try (JavaDecoder java = new JavaDecoder(model, c.kvType(), 2, Decodes.BLOCKS);
          NativeDecoder decoder =
              new NativeDecoder(c.variant(), model, c.kvType(), 2, Decodes.BLOCKS)) {
        float[][] expected = Decodes.all(java, tokens);
        assertSame(expected, Decodes.all(decoder, tokens), "at once, window " + window);
        assertSame(expected, oneByOne(decoder, tokens), "one by one, window " + window);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void passesOfMoreResultsThanAreKeptApartHaveTheBitsOfTheJavaDecoder(Case c) {
    ModelSpec spec =
        new ModelSpec(
            "llama",
            64,
            1,
            32,
            32,
            32,
            64,
            61,
            2048,
            1e-5f,
            ROPE,
            false,
            Set.of(),
            false,
            List.of(0));
    QuantizedModel model = RandomModels.model(spec, 32, ActivationMode.PER_GROUP, new Random(21));
    int[] tokens = RandomModels.tokens(1100, new Random(22));
    try (JavaDecoder java = new JavaDecoder(model, c.kvType(), 2, Decodes.BLOCKS);
        NativeDecoder decoder =
            new NativeDecoder(c.variant(), model, c.kvType(), 2, Decodes.BLOCKS)) {
      float[] expected = last(java, tokens);
      assertArrayEquals(expected, last(decoder, tokens), "1100 tokens at once");
    }
  }

  private static float[] last(Decoder decoder, int[] tokens) {
    Sequence sequence = new DecoderSequences(decoder).open();
    return decoder.step(List.of(sequence.append(tokens, Wanted.LAST))).get(0).get(0).values();
  }

  private static float[][] oneByOne(Decoder decoder, int[] tokens) {
    float[][] logits = new float[tokens.length][];
    Sequence sequence = new DecoderSequences(decoder).open();
    for (int t = 0; t < tokens.length; t++) {
      int[] token = {tokens[t]};
      logits[t] =
          Decodes.copy(decoder.step(List.of(sequence.append(token, Wanted.LAST))).get(0))[0];
    }
    return logits;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void neitherChunksNorNeighboursNorThreadsNorKvBlocksChangeABit(Case c) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, random);
    List<int[]> prompts = new ArrayList<>();
    List<float[][]> expected = new ArrayList<>();
    try (NativeDecoder alone =
        new NativeDecoder(c.variant(), model, c.kvType(), 1, Decodes.BLOCKS)) {
      for (int i = 0; i < 6; i++) {
        prompts.add(RandomModels.tokens(1 + random.nextInt(300), random));
        expected.add(Decodes.all(alone, prompts.get(i)));
      }
    }
    for (int threads = 1; threads <= 3; threads++) {
      try (NativeDecoder decoder =
          new NativeDecoder(c.variant(), model, c.kvType(), threads, Decodes.BLOCKS)) {
        for (int round = 0; round < 2; round++) { // the second on blocks used before
          List<float[][]> got = JavaDecoderTest.mixed(decoder, prompts, random);
          for (int i = 0; i < prompts.size(); i++) {
            assertSame(
                expected.get(i),
                got.get(i),
                "seed %d, %d threads, prompt %d".formatted(seed, threads, i));
          }
        }
      }
    }
  }
}
