package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeVariants;
import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.testing.BufferPools;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A step whose size was told takes no memory outside the heap but that of its blocks. */
class StepMemoryTest {
  private static final int BLOCKS = 4;

  static Stream<KernelVariant> variants() {
    return NativeVariants.here();
  }

  @ParameterizedTest
  @MethodSource("variants")
  void theLargestStepAllocatesKvBlocksOnly(KernelVariant variant) {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(5));
    StepSize largest = new StepSize(200, 2, 65);
    long block = NativeModel.blockBytes(model.spec(), KvType.FLOAT16) + 2 * 64;
    try (NativeDecoder decoder =
        new NativeDecoder(variant, model, KvType.FLOAT16, 2, BLOCKS, largest)) {
      long before = BufferPools.direct();
      decoder.step(
          List.of(
              new Chunk(new int[] {0}, 0, new int[64], Wanted.ALL),
              new Chunk(new int[] {1, 2, 3}, 0, new int[136], Wanted.LAST)));
      assertTrue(BufferPools.direct() <= before + BLOCKS * block, "more than the KV blocks");
    }
  }

  @Test
  void aSizeIsNotNegative() {
    for (int i = 0; i < 3; i++) {
      int[] sizes = new int[3];
      sizes[i] = -1;
      assertThrows(
          IllegalArgumentException.class, () -> new StepSize(sizes[0], sizes[1], sizes[2]));
    }
  }
}
