package io.calm.torch;

import static io.calm.runtime.Decodes.all;
import static io.calm.runtime.Decodes.assertSame;
import static io.calm.runtime.Decodes.copy;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.ChunkRefusedException;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.DecoderSequences.Sequence;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import io.calm.runtime.StepFailedException;
import io.calm.tensor.Lifetime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.RandomLinears;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.Seeds;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The PyTorch decoder against the Java decoder, bit for bit. */
class TorchDecoderTest {
  private static final RopeSpec ROPE = new RopeSpec(10000f, new RopeSpec.None());
  private static final int BLOCKS = 40;

  @BeforeAll
  static void onX86() {
    ExactBits.assume();
  }

  private static QuantizedModel plain(long seed) {
    return RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(seed));
  }

  private static TorchDecoder torch(QuantizedModel model) {
    return new TorchDecoder(model, KvType.FLOAT16, 1, BLOCKS);
  }

  @ParameterizedTest
  @MethodSource("io.calm.runtime.RandomModels#topologies")
  void logitsHaveTheBitsOfTheJavaDecoder(ModelSpec spec) {
    long seed = Seeds.next();
    Random random = new Random(seed);
    for (KvType type : KvType.values()) {
      for (ActivationMode mode : ActivationMode.values()) {
        QuantizedModel model = RandomModels.model(spec, 32, mode, random);
        int[] tokens = RandomModels.tokens(70, random);
        try (JavaDecoder java = new JavaDecoder(model, type, 2, BLOCKS)) {
          float[][] expected = all(java, tokens);
          for (ProductRoute route : ProductRoute.values()) {
            try (TorchDecoder torch =
                new TorchDecoder(model, type, 1, BLOCKS, Optional.of(route))) {
              String message = "seed %d, %s, %s, %s".formatted(seed, type, mode, route);
              assertSame(expected, all(torch, tokens), message);
            }
          }
        }
      }
    }
  }

  /** Of the last block, only rows with logits matter behind attention, as on the other backends. */
  @Test
  void theLastBlockMayOverflowInRowsWithoutLogits() {
    QuantizedModel model = plain(31);
    int last = model.spec().layers() - 1;
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>(model.blocks());
    Map<NormRole, float[]> norms = new EnumMap<>(blocks.get(last).norms());
    float[] weight = new float[model.spec().hidden()];
    Arrays.fill(weight, 1e30f);
    norms.put(NormRole.MLP, weight);
    blocks.set(
        last, new BlockParameters<>(blocks.get(last).linears(), blocks.get(last).biases(), norms));
    QuantizedModel overflowing =
        new QuantizedModel(
            model.spec(),
            blocks,
            model.embeddings(),
            model.head(),
            model.finalNorm(),
            model.activation());
    try (JavaDecoder java = new JavaDecoder(overflowing, KvType.FLOAT16, 1, BLOCKS);
        TorchDecoder torch = torch(overflowing)) {
      List<String> messages = new ArrayList<>();
      for (Decoder decoder : List.of(java, torch)) {
        Chunk first = new Chunk(new int[] {0}, 0, new int[] {3, 4}, Wanted.NONE);
        assertEquals(List.of(List.of()), decoder.step(List.of(first)));
        Chunk next = new Chunk(new int[] {0}, 2, new int[] {5, 6}, Wanted.LAST);
        StepFailedException e =
            assertThrows(StepFailedException.class, () -> decoder.step(List.of(next)));
        messages.add(String.valueOf(e.getMessage()));
      }
      assertEquals(messages.get(0), messages.get(1));
    }
  }

  @Test
  void promptsOverSeveralPassesAndSplitsHaveTheBitsOfTheJavaDecoder() {
    QuantizedModel model =
        RandomModels.model(
            RandomModels.spec(4, 2, 16, ROPE, Set.of(), false, 150),
            64,
            ActivationMode.PER_GROUP,
            new Random(11));
    int[] tokens = RandomModels.tokens(StepLayout.MAX_ROWS + 70, new Random(12));
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, BLOCKS);
        TorchDecoder torch = torch(model)) {
      assertSame(all(java, tokens), all(torch, tokens), "seed 11, 12");
    }
  }

  @ParameterizedTest
  @EnumSource(TableFormat.class)
  void tablesOfEveryFormatGiveTheLogitsOfTheJavaDecoder(TableFormat format) {
    QuantizedModel random = plain(5);
    TokenTable table = table(format, random.spec(), new Random(6));
    QuantizedModel model =
        new QuantizedModel(
            random.spec(),
            random.blocks(),
            table,
            table,
            random.finalNorm(),
            ActivationMode.PER_GROUP);
    int[] tokens = RandomModels.tokens(20, new Random(7));
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, BLOCKS);
        TorchDecoder torch = torch(model)) {
      float[][] expected = all(java, tokens);
      float[][] got = all(torch, tokens);
      boolean rounded = format == TableFormat.INT8 || format == TableFormat.INT4;
      for (int t = 0; t < tokens.length; t++) {
        assertArrayEquals(expected[t], got[t], rounded ? 0 : 1e-5f * largest(expected[t]));
      }
    }
  }

  private static float largest(float[] values) {
    float largest = 0;
    for (float value : values) {
      largest = Math.max(largest, Math.abs(value));
    }
    return largest;
  }

  private static TokenTable table(TableFormat format, ModelSpec spec, Random random) {
    if (format == TableFormat.INT4) {
      return new TokenTable.Int4(
          Packing.pack(RandomLinears.matrix(spec.vocabulary(), spec.hidden(), 32, random)));
    }
    Matrix rows = Matrix.allocate(spec.vocabulary(), spec.hidden());
    for (int v = 0; v < spec.vocabulary(); v++) {
      for (int d = 0; d < spec.hidden(); d++) {
        rows.set(v, d, (float) random.nextGaussian());
      }
    }
    int tokens = spec.vocabulary();
    int width = spec.hidden();
    TokenTableBuilder builder =
        switch (format) {
          case INT8 -> TokenTableBuilder.int8(tokens, width, 32, ByteBuffer::allocateDirect);
          case FLOAT16 -> TokenTableBuilder.float16(tokens, width, ByteBuffer::allocateDirect);
          case INT4, FLOAT32 ->
              TokenTableBuilder.float32(tokens, width, ByteBuffer::allocateDirect);
        };
    return builder.add(rows).build();
  }

  @Test
  void neitherChunksNorNeighboursChangeABit() {
    long seed = Seeds.next();
    Random random = new Random(seed);
    QuantizedModel model = plain(seed);
    List<int[]> prompts = new ArrayList<>();
    List<float[][]> expected = new ArrayList<>();
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, BLOCKS);
        TorchDecoder torch = torch(model)) {
      for (int i = 0; i < 5; i++) {
        prompts.add(RandomModels.tokens(1 + random.nextInt(90), random));
        expected.add(all(java, prompts.get(i)));
      }
      DecoderSequences pool = new DecoderSequences(torch);
      List<Sequence> sequences = prompts.stream().map(prompt -> pool.open()).toList();
      for (boolean open = true; open; ) {
        open = false;
        List<Chunk> chunks = new ArrayList<>();
        List<Integer> owners = new ArrayList<>();
        for (int i = 0; i < prompts.size(); i++) {
          int[] prompt = prompts.get(i);
          int from = sequences.get(i).length();
          if (from < prompt.length) {
            open = true;
            int to = Math.min(prompt.length, from + (random.nextBoolean() ? 1 : 30));
            int[] part = Arrays.copyOfRange(prompt, from, to);
            chunks.add(sequences.get(i).append(part, Wanted.ALL));
            owners.add(i);
          }
        }
        List<List<Logits>> results = chunks.isEmpty() ? List.of() : torch.step(chunks);
        for (int c = 0; c < results.size(); c++) {
          int from = chunks.get(c).position();
          float[][] rows = copy(results.get(c));
          assertSame(
              Arrays.copyOfRange(expected.get(owners.get(c)), from, from + rows.length),
              rows,
              "seed %d, prompt %d from %d".formatted(seed, owners.get(c), from));
        }
      }
    }
  }

  @Test
  void fullBlocksMayBeReadByMany() {
    QuantizedModel model = plain(23);
    int[] tokens = RandomModels.tokens(80, new Random(24));
    int[] other = tokens.clone();
    other[70] = (other[70] + 1) % 61;
    try (TorchDecoder torch = torch(model)) {
      float[][] expected = all(torch, tokens);
      float[][] expectedOther = all(torch, other);
      torch.step(List.of(new Chunk(new int[] {30}, 0, Arrays.copyOf(tokens, 64), Wanted.NONE)));
      List<List<Logits>> rows =
          torch.step(
              List.of(
                  new Chunk(new int[] {30, 33}, 64, Arrays.copyOfRange(tokens, 64, 80), Wanted.ALL),
                  new Chunk(new int[] {30, 2}, 64, Arrays.copyOfRange(other, 64, 80), Wanted.ALL)));
      assertSame(Arrays.copyOfRange(expected, 64, 80), copy(rows.get(0)), "the first reader");
      assertSame(Arrays.copyOfRange(expectedOther, 64, 80), copy(rows.get(1)), "the second");
    }
  }

  @Test
  void aSequenceThatIsNotFiniteFailsAloneAndLeavesItsBlocksFinite() {
    QuantizedModel random = plain(31);
    ModelSpec spec = random.spec();
    int width = spec.hidden();
    ByteBuffer values =
        ByteBuffer.allocateDirect(4 * spec.vocabulary() * width).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < spec.vocabulary() * width; i++) {
      values.putFloat(4 * i, i / width == 7 ? Float.NaN : i * 31 % 13 - 6);
    }
    TokenTable table = new TokenTable.Float32(spec.vocabulary(), width, values);
    QuantizedModel model =
        new QuantizedModel(
            spec,
            random.blocks(),
            table,
            random.head(),
            random.finalNorm(),
            ActivationMode.PER_GROUP);
    List<Chunk> chunks =
        List.of(
            new Chunk(new int[] {0}, 0, new int[] {1, 2}, Wanted.LAST),
            new Chunk(new int[] {1}, 0, new int[] {3, 7, 4}, Wanted.LAST));
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 1, 3);
        TorchDecoder torch = new TorchDecoder(model, KvType.FLOAT16, 1, 3)) {
      StepFailedException expected =
          assertThrows(StepFailedException.class, () -> java.step(chunks));
      StepFailedException failure =
          assertThrows(StepFailedException.class, () -> torch.step(chunks));
      assertEquals(Set.of(1), failure.failed());
      assertEquals(expected.getMessage(), failure.getMessage());
      float[][] alone = copy(java.step(chunks.subList(0, 1)).get(0));
      assertSame(alone, copy(torch.step(chunks.subList(0, 1)).get(0)), "the other goes on");
      Chunk reuse = new Chunk(new int[] {1}, 0, new int[] {1, 2}, Wanted.LAST);
      assertSame(alone, copy(torch.step(List.of(reuse)).get(0)), "in the failed one's block");
    }
  }

  @Test
  void singleTokensOfManySequencesHaveTheBitsOfTheJavaDecoder() {
    QuantizedModel model = plain(41);
    int count = StepLayout.MAX_GROUP_BLOCKS + 40;
    List<Chunk> chunks =
        IntStream.range(0, count)
            .mapToObj(i -> new Chunk(new int[] {i}, 0, new int[] {i % 61}, Wanted.LAST))
            .toList();
    try (JavaDecoder java = new JavaDecoder(model, KvType.FLOAT16, 2, count);
        TorchDecoder torch = new TorchDecoder(model, KvType.FLOAT16, 1, count)) {
      List<List<Logits>> expected = java.step(chunks);
      List<List<Logits>> got = torch.step(chunks);
      for (int i = 0; i < count; i++) {
        assertSame(copy(expected.get(i)), copy(got.get(i)), "sequence " + i);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(KvType.class)
  void memoryForFewerBlocksThanThereAreChangesNothing(KvType type) {
    QuantizedModel model = plain(43);
    int[] tokens = RandomModels.tokens(80, new Random(44));
    try (JavaDecoder java = new JavaDecoder(model, type, 2, 128);
        TorchDecoder torch = new TorchDecoder(model, type, 1, 128)) {
      Chunk start = new Chunk(new int[] {0}, 0, Arrays.copyOf(tokens, 40), Wanted.NONE);
      java.step(List.of(start));
      torch.step(List.of(start));
      torch.grow(100);
      torch.grow(8);
      Chunk rest = new Chunk(new int[] {0, 99}, 40, Arrays.copyOfRange(tokens, 40, 80), Wanted.ALL);
      float[][] expected = copy(java.step(List.of(rest)).get(0));
      assertSame(expected, copy(torch.step(List.of(rest)).get(0)), type.toString());
    }
  }

  @Test
  void callersErrorsAreRefused() {
    try (TorchDecoder torch = new TorchDecoder(plain(3), KvType.FLOAT16, 1, 2)) {
      assertThrows(IllegalArgumentException.class, () -> torch.step(List.of()));
      Chunk unknown = new Chunk(new int[] {0}, 0, new int[] {61}, Wanted.LAST);
      assertThrows(ChunkRefusedException.class, () -> torch.step(List.of(unknown)));
      Chunk outside = new Chunk(new int[] {2}, 0, new int[] {1}, Wanted.LAST);
      assertThrows(ChunkRefusedException.class, () -> torch.step(List.of(outside)));
    }
    assertThrows(
        IllegalArgumentException.class, () -> new TorchDecoder(plain(3), KvType.INT8, 1, 0));
  }

  @Test
  void theModelIsNotNeededAfterTheCopy() {
    AtomicInteger released = new AtomicInteger();
    Lifetime lifetime = new Lifetime(released::incrementAndGet);
    QuantizedModel model = plain(4);
    QuantizedModel lasting =
        new QuantizedModel(
            model.spec(),
            model.blocks(),
            model.embeddings(),
            model.head(),
            model.finalNorm(),
            model.activation(),
            lifetime);
    TorchDecoder torch = torch(lasting);
    lifetime.close();
    assertEquals(1, released.get());
    Chunk chunk = new Chunk(new int[] {0}, 0, new int[] {7}, Wanted.LAST);
    assertEquals(1, torch.step(List.of(chunk)).get(0).size());
    torch.close();
    torch.close();
    assertThrows(IllegalStateException.class, () -> torch.step(List.of(chunk)));
    assertThrows(IllegalStateException.class, () -> torch(lasting));
  }

  @Test
  void aBlockTakesWhatItsValuesTake() {
    ModelSpec spec = RandomModels.plain();
    long values = 2L * spec.layers() * spec.kvHeads() * Decoder.BLOCK_TOKENS;
    assertEquals(values * spec.headDim() * 2, TorchDecoder.blockBytes(spec, KvType.FLOAT16));
    assertEquals(values * (spec.headDim() + 4), TorchDecoder.blockBytes(spec, KvType.INT8));
  }
}
