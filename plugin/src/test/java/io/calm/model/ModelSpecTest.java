package io.calm.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Collections;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Sizes of a model have bounds within which every product that is taken of them fits. */
class ModelSpecTest {
  private static ModelSpec spec(
      int hidden, int layers, int heads, int kvHeads, int headDim, int intermediate, int rows) {
    return new ModelSpec(
        "llama",
        hidden,
        layers,
        heads,
        kvHeads,
        headDim,
        intermediate,
        rows,
        Integer.MAX_VALUE,
        1e-5f,
        new RopeSpec(10000, new RopeSpec.None()),
        true,
        Set.of(),
        false,
        Collections.nCopies(Math.max(0, layers), 0));
  }

  @ParameterizedTest
  @CsvSource({
    "4096, 32, 32, 32, 128, 11008, 32000", // LLaMA 2 7B
    "8192, 80, 64, 8, 128, 28672, 128256", // LLaMA 3 70B
    "16384, 126, 128, 8, 128, 29184, 128256", // LLaMA 3 405B with its feed-forward halved
    "3584, 28, 28, 4, 128, 18944, 152064", // Qwen2 7B
    "8192, 64, 64, 8, 128, 29568, 152064", // Qwen2 72B
    "4544, 32, 71, 1, 64, 18176, 65024", // 71 query heads to one key-value head
    "64, 1, 128, 1, 2, 64, 2048",
    "1, 1, 1, 1, 2, 1, 1"
  })
  void publishedSizesFit(
      int hidden, int layers, int heads, int kvHeads, int headDim, int intermediate, int rows) {
    ModelSpec spec = spec(hidden, layers, heads, kvHeads, headDim, intermediate, rows);
    for (LinearRole role : LinearRole.values()) {
      assertTrue((long) spec.outputs(role) * spec.inputs(role) * 4 <= Integer.MAX_VALUE);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "hidden, 0, 1, 1, 1, 2, 1, 1",
    "hidden, -1, 1, 1, 1, 2, 1, 1",
    "hidden, 65537, 1, 1, 1, 2, 1, 1",
    "layers, 8, 0, 1, 1, 2, 1, 1",
    "layers, 8, 4097, 1, 1, 2, 1, 1",
    "heads, 8, 1, 0, 1, 2, 1, 1",
    "heads, 8, 1, 2147483647, 1, 2, 1, 1",
    "kvHeads, 8, 1, 4, 0, 2, 1, 1",
    "kvHeads, 8, 1, 4, 8, 2, 1, 1",
    "kvHeads, 8, 1, 4, 3, 2, 1, 1",
    "kvHeads, 8, 1, 129, 1, 2, 1, 1",
    "kvHeads, 8, 1, 256, 1, 2, 1, 1",
    "headDim, 8, 1, 1, 1, 3, 1, 1",
    "headDim, 8, 1, 1, 1, 0, 1, 1",
    "headDim, 8, 1, 1, 1, 4098, 1, 1",
    "headDim, 8, 1, 65536, 65536, 65536, 1, 1",
    "heads * headDim, 8, 1, 32768, 32768, 4096, 1, 1",
    "heads * headDim * hidden, 65536, 1, 1024, 1024, 128, 1, 1",
    "intermediate, 8, 1, 1, 1, 2, 0, 1",
    "intermediate, 8, 1, 1, 1, 2, 262145, 1",
    "intermediate * hidden, 16384, 1, 1, 1, 2, 53248, 1",
    "vocabulary, 8, 1, 1, 1, 2, 1, 0",
    "vocabulary, 8, 1, 1, 1, 2, 1, 16777217",
    "vocabulary * hidden, 14336, 1, 2, 2, 64, 64, 152064",
    "layers * kvHeads * headDim, 8, 4096, 512, 512, 2, 1, 1"
  })
  void aSizeOutsideItsBoundIsNamed(
      String size,
      int hidden,
      int layers,
      int heads,
      int kvHeads,
      int headDim,
      int intermediate,
      int rows) {
    SizeException refused =
        assertThrows(
            SizeException.class,
            () -> spec(hidden, layers, heads, kvHeads, headDim, intermediate, rows));
    assertEquals(size, refused.size());
    assertTrue(
        refused.getMessage().startsWith(size + ": expected " + refused.expected() + ", got "),
        refused::getMessage);
  }

  @Test
  void anotherTieIsTheSameModel() {
    ModelSpec tied = spec(8, 1, 2, 1, 4, 12, 10);
    ModelSpec untied = tied.withTiedEmbeddings(false);
    assertFalse(untied.tiedEmbeddings());
    assertEquals(tied, untied.withTiedEmbeddings(true));
  }

  @Test
  void numbersThatMakeNoFiniteAngleAreRefused() {
    for (float theta : new float[] {0, -1, 0.5f, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThrows(SizeException.class, () -> new RopeSpec(theta, new RopeSpec.None()));
    }
    for (float factor : new float[] {0, -1, Float.NaN, Float.POSITIVE_INFINITY}) {
      assertThrows(SizeException.class, () -> new RopeSpec.Linear(factor));
      assertThrows(SizeException.class, () -> new RopeSpec.Llama3(factor, 1, 4, 8));
      assertThrows(SizeException.class, () -> new RopeSpec.Yarn(factor, 32, 1, 8, 1, true));
      assertThrows(SizeException.class, () -> new RopeSpec.Factors(new float[] {1, factor}));
    }
    assertThrows(SizeException.class, () -> new RopeSpec.Llama3(8, 4, 4, 8));
    assertThrows(SizeException.class, () -> new RopeSpec.Yarn(2, 32, 1, 0, 1, true));
    assertThrows(
        SizeException.class, () -> new RopeSpec(1, new RopeSpec.Yarn(2, 32, 1, 8, 1, true)));
  }
}
