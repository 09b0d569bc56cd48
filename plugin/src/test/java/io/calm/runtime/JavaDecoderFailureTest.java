package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Sequence;
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
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A token whose numbers leave the range of float32 must fail its own sequence and no other. */
class JavaDecoderFailureTest {
  private static final int ZERO = 0;
  private static final int BAD = 60;

  /** A model in which token ZERO has the embedding 0 and BAD has {@code bad} everywhere. */
  private static QuantizedModel model(float bad, float norm, boolean overflowingHead) {
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
    Map<NormRole, float[]> norms = new EnumMap<>(blocks.get(1).norms());
    float[] weight = new float[spec.hidden()];
    Arrays.fill(weight, norm);
    norms.put(NormRole.MLP, weight);
    blocks.set(1, new BlockParameters<>(blocks.get(1).linears(), Map.of(), norms));
    return new QuantizedModel(
        spec,
        blocks,
        table,
        overflowingHead ? table : model.head(),
        model.finalNorm(),
        model.activation());
  }

  @Test
  void aFailedSequenceLeavesTheOthersAsTheyWere() {
    QuantizedModel model = model(Float.NaN, 1, false);
    try (JavaDecoder decoder = new JavaDecoder(model, KvType.FLOAT16, 2)) {
      float[][] expected = decode(decoder, 5, 6, 7, 8);
      Sequence good = decoder.newSequence(300);
      Sequence bad = decoder.newSequence(300);
      decoder.step(List.of(new Chunk(good, new int[] {5, 6}, Wanted.NONE)));
      int[] tokens = new int[290]; // the bad token is in the second pass of the step
      Arrays.fill(tokens, 9);
      tokens[280] = BAD;
      StepFailedException e =
          assertThrows(
              StepFailedException.class,
              () ->
                  decoder.step(
                      List.of(
                          new Chunk(good, new int[] {7, 8}, Wanted.ALL),
                          new Chunk(bad, tokens, Wanted.LAST))));
      assertEquals(
          "block 0, linear Q, K, V: expected finite numbers, got NaN or infinity in 1 sequence;"
              + " end it, the others can go on",
          e.getMessage());
      assertEquals(Set.of(bad), e.failed());
      assertEquals(2, good.length());
      assertThrows(
          IllegalArgumentException.class,
          () -> decoder.step(List.of(new Chunk(bad, new int[] {1}, Wanted.NONE))));
      bad.close();
      float[][] rest = decoder.step(List.of(new Chunk(good, new int[] {7, 8}, Wanted.ALL))).get(0);
      assertArrayEquals(expected[2], rest[0]);
      assertArrayEquals(expected[3], rest[1]);
      float[][] again = decode(decoder, 5, 6, 7, 8); // in the pages that the failed one gave back
      for (int t = 0; t < 4; t++) {
        assertArrayEquals(expected[t], again[t]);
      }
    }
  }

  private static float[][] decode(Decoder decoder, int... tokens) {
    try (Sequence sequence = decoder.newSequence(tokens.length)) {
      return decoder.step(List.of(new Chunk(sequence, tokens, Wanted.ALL))).get(0);
    }
  }

  @Test
  void theMessageNamesBlockAndLinear() {
    try (JavaDecoder decoder = new JavaDecoder(model(1, 1e30f, false), KvType.FLOAT16, 1)) {
      Sequence zero = decoder.newSequence(4);
      Sequence first = decoder.newSequence(4);
      Sequence second = decoder.newSequence(4);
      StepFailedException e =
          assertThrows(
              StepFailedException.class,
              () ->
                  decoder.step(
                      List.of(
                          new Chunk(first, new int[] {3}, Wanted.LAST),
                          new Chunk(zero, new int[] {ZERO}, Wanted.LAST),
                          new Chunk(second, new int[] {4}, Wanted.LAST))));
      assertTrue(
          String.valueOf(e.getMessage()).startsWith("block 1, linear DOWN: "), e.getMessage());
      assertEquals(Set.of(first, second), e.failed());
      assertEquals(
          1, decoder.step(List.of(new Chunk(zero, new int[] {ZERO}, Wanted.LAST))).get(0).length);
    }
  }

  @Test
  void logitsThatOverflowFailToo() {
    try (JavaDecoder decoder =
        new JavaDecoder(model(Float.MAX_VALUE, 1, true), KvType.FLOAT16, 1)) {
      Sequence sequence = decoder.newSequence(4);
      StepFailedException e =
          assertThrows(
              StepFailedException.class,
              () -> decoder.step(List.of(new Chunk(sequence, new int[] {3}, Wanted.LAST))));
      assertTrue(String.valueOf(e.getMessage()).startsWith("logits: "), e.getMessage());
    }
  }
}
