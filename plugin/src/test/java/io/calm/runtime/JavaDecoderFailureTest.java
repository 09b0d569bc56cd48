package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariant;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.RandomLinears;
import io.calm.tensor.TokenTable;
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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A token whose numbers leave the range of float32 must fail its own sequence and no other; a step
 * for which there is no memory changes nothing.
 */
class JavaDecoderFailureTest {
  private static final int ZERO = 0;
  private static final int BAD = 60;

  /** A model in which token ZERO has the embedding 0 and BAD has {@code bad} everywhere. */
  private static QuantizedModel model(float bad, float norm, boolean overflowingHead) {
    return model(bad, norm, 1, overflowingHead);
  }

  /**
   * @param norm every weight of the norm before the MLP of block {@code layer}
   */
  private static QuantizedModel model(float bad, float norm, int layer, boolean overflowingHead) {
    Random random = new Random(31);
    ModelSpec spec = RandomModels.plain();
    QuantizedModel model = RandomModels.model(spec, 32, ActivationMode.PER_GROUP, random);
    ByteBuffer values =
        ByteBuffer.allocateDirect(4 * spec.vocabulary() * spec.hidden())
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int v = 0; v < spec.vocabulary(); v++) {
      float[] row = RandomLinears.vector(spec.hidden(), random);
      for (float value : row) {
        values.putFloat(v == ZERO ? 0 : v == BAD ? bad : value);
      }
    }
    TokenTable table = new TokenTable.Float32(spec.vocabulary(), spec.hidden(), values.flip());
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>(model.blocks());
    Map<NormRole, float[]> norms = new EnumMap<>(blocks.get(layer).norms());
    float[] weight = new float[spec.hidden()];
    Arrays.fill(weight, norm);
    norms.put(NormRole.MLP, weight);
    blocks.set(layer, new BlockParameters<>(blocks.get(layer).linears(), Map.of(), norms));
    return new QuantizedModel(
        spec,
        blocks,
        table,
        overflowingHead ? table : model.head(),
        model.finalNorm(),
        model.activation());
  }

  @Test
  void aFailedChunkLeavesTheOthersAsTheyWere() {
    QuantizedModel model = model(Float.NaN, 1, false);
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2, 12)) {
      float[][] expected = Decodes.all(decoder, 5, 6, 7, 8);
      decoder.step(List.of(new Chunk(new int[] {3}, 0, new int[] {5, 6}, Wanted.NONE)));
      int[] tokens = new int[290]; // the bad token is in the second pass of the step
      Arrays.fill(tokens, 9);
      tokens[280] = BAD;
      Chunk good = new Chunk(new int[] {3}, 2, new int[] {7, 8}, Wanted.ALL);
      Chunk bad = new Chunk(new int[] {4, 5, 6, 7, 8}, 0, tokens, Wanted.LAST);
      StepFailedException e =
          assertThrows(StepFailedException.class, () -> decoder.step(List.of(good, bad)));
      assertEquals(
          "block 0, linear Q, K, V: expected finite numbers, got NaN or infinity in 1 sequence;"
              + " if every prompt fails, the model's weights are damaged or too large",
          e.getMessage());
      assertEquals(Set.of(1), e.failed());
      float[][] rest = Decodes.copy(decoder.step(List.of(good)).get(0));
      assertArrayEquals(expected[2], rest[0]);
      assertArrayEquals(expected[3], rest[1]);
      Chunk again = new Chunk(new int[] {8}, 0, new int[] {5, 6, 7, 8}, Wanted.ALL);
      float[][] reused = Decodes.copy(decoder.step(List.of(again)).get(0));
      for (int t = 0; t < 4; t++) {
        assertArrayEquals(expected[t], reused[t], "in a block that the failed one used");
      }
    }
  }

  @Test
  void aStepThatLacksMemoryNamesAllBlocksWithoutAndChangesNothing() {
    QuantizedModel model = model(1, 1, false);
    AtomicInteger left = new AtomicInteger(2);
    FloatKvLayout layout = new FloatKvLayout(model.spec(), Optional.of(KvType.FLOAT16));
    KvStorage storage =
        new KvStorage(
            layout.blockBytes(),
            12,
            memory -> {
              if (left.getAndDecrement() <= 0) {
                throw new OutOfMemoryError("none");
              }
              return 0;
            });
    try (JavaDecoder decoder = new JavaDecoder(model, layout, 2, storage)) {
      float[][] expected = Decodes.all(decoder, 5, 6, 7, 8); // in block 0
      decoder.step(List.of(new Chunk(new int[] {3}, 0, new int[] {5, 6}, Wanted.NONE)));
      Chunk good = new Chunk(new int[] {3}, 2, new int[] {7, 8}, Wanted.ALL);
      KvMemoryException e =
          assertThrows(
              KvMemoryException.class,
              () -> decoder.step(List.of(single(7, 1), good, single(0, 1), single(8, 1))));
      assertEquals(Set.of(1, 2, 4, 5, 6, 7, 8, 9, 10, 11), e.blocks());
      assertEquals(-1, left.get(), "one was tried in vain");
      float[][] rest = Decodes.copy(decoder.step(List.of(good)).get(0));
      assertArrayEquals(expected[2], rest[0]);
      assertArrayEquals(expected[3], rest[1]);
      left.set(1);
      assertEquals(1, decoder.step(List.of(single(7, 1))).get(0).size(), "there is memory again");
    }
  }

  private static Chunk single(int block, int token) {
    return new Chunk(new int[] {block}, 0, new int[] {token}, Wanted.LAST);
  }

  @Test
  void theMessageNamesBlockAndLinear() {
    try (JavaDecoder decoder = new JavaDecoder(model(1, 1e30f, false), KvType.FLOAT16, 1, 3)) {
      StepFailedException e =
          assertThrows(
              StepFailedException.class,
              () -> decoder.step(List.of(single(0, 3), single(1, ZERO), single(2, 4))));
      assertTrue(
          String.valueOf(e.getMessage()).startsWith("block 1, linear DOWN: "), e.getMessage());
      assertEquals(Set.of(0, 2), e.failed());
      assertEquals(1, decoder.step(List.of(single(1, ZERO))).get(0).size());
    }
  }

  @Test
  void theLastBlockMayOverflowInRowsWithoutLogits() {
    QuantizedModel model = model(1, 1e30f, 2, false);
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, 1)) {
      checkThatOnlyRowsWithLogitsFail(decoder);
    }
  }

  @ParameterizedTest
  @MethodSource("io.calm.kernels.NativeVariants#here")
  void theLastBlockMayOverflowInRowsWithoutLogits(KernelVariant variant) {
    QuantizedModel model = model(1, 1e30f, 2, false);
    try (NativeDecoder decoder = new NativeDecoder(variant, model, KvType.FLOAT16, 1, 1)) {
      checkThatOnlyRowsWithLogitsFail(decoder);
    }
  }

  private static void checkThatOnlyRowsWithLogitsFail(Decoder decoder) {
    assertEquals(
        List.of(List.of()),
        decoder.step(List.of(new Chunk(new int[] {0}, 0, new int[] {3, 4}, Wanted.NONE))));
    Chunk last = new Chunk(new int[] {0}, 2, new int[] {5}, Wanted.LAST);
    StepFailedException e =
        assertThrows(StepFailedException.class, () -> decoder.step(List.of(last)));
    assertTrue(String.valueOf(e.getMessage()).startsWith("block 2, linear DOWN: "), e.getMessage());
  }

  @Test
  void logitsThatOverflowFailToo() {
    try (JavaDecoder decoder =
        new JavaDecoder(model(Float.MAX_VALUE, 1, true), KvType.FLOAT16, 1, 1)) {
      StepFailedException e =
          assertThrows(StepFailedException.class, () -> decoder.step(List.of(single(0, 3))));
      assertTrue(String.valueOf(e.getMessage()).startsWith("logits: "), e.getMessage());
    }
  }
}
