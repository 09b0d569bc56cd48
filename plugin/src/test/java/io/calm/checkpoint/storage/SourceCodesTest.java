package io.calm.checkpoint.storage;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.tensor.Float16;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import io.calm.testing.SmolLm2;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SourceCodesTest {
  @TempDir private Path directory;

  /** Asserts that scale * code + minimum is the dequantized value, and grids are float16. */
  private static void assertExact(Matrix dequantized, QuantizedMatrix codes) {
    assertEquals(32, codes.group());
    assertEquals(dequantized.rows(), codes.outputs());
    assertEquals(dequantized.columns(), codes.inputs());
    int groups = codes.inputs() / 32;
    float[] row = new float[codes.inputs()];
    for (int n = 0; n < codes.outputs(); n++) {
      dequantized.readRow(n, row);
      for (int k = 0; k < row.length; k++) {
        float scale = codes.scales()[n * groups + k / 32];
        float minimum = codes.minimums()[n * groups + k / 32];
        byte code = codes.codes()[n * row.length + k];
        if (scale * code + minimum != row[k] || code < 0 || code > 15) {
          throw new AssertionError(
              "[%d, %d]: %s * %d + %s is not %s".formatted(n, k, scale, code, minimum, row[k]));
        }
        assertEquals(Float16.round(scale), scale);
        assertEquals(Float16.round(minimum), minimum);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"t.q4_0", "t.q4_1"})
  void codesAndGridsReproduceTheWeights(String name) {
    StoredTensor tensor = GgufFile.open(Goldens.path("gguf/types.gguf")).tensors().get(name);
    assertTrue(SourceCodes.isSource(tensor));
    assertExact(tensor.read(), SourceCodes.read(tensor, RowOrder.AS_STORED));
  }

  @Test
  void otherTypesAreNoSource() {
    for (StoredTensor tensor : GgufFile.open(Goldens.path("gguf/types.gguf")).tensors().all()) {
      boolean fourBitsOfThirtyTwo = tensor.name().matches("t\\.q4_[01]");
      assertEquals(fourBitsOfThirtyTwo, SourceCodes.isSource(tensor), tensor::toString);
    }
  }

  @Test
  void rowsOfQueriesAreUnPermutedAsInTheWeights() throws IOException {
    long seed = 20260722;
    System.out.println("seed " + seed);
    GgufBuilder builder = new GgufBuilder().text("general.architecture", "llama");
    builder
        .integer("llama.block_count", 1)
        .integer("llama.context_length", 64)
        .integer("llama.embedding_length", 32)
        .integer("llama.feed_forward_length", 64)
        .integer("llama.attention.head_count", 4)
        .integer("llama.attention.head_count_kv", 2)
        .number("llama.attention.layer_norm_rms_epsilon", 1e-5)
        .zeros("token_embd.weight", 10, 32)
        .zeros("output_norm.weight", 32)
        .zeros("blk.0.attn_norm.weight", 32)
        .zeros("blk.0.ffn_norm.weight", 32);
    Random random = new Random(seed);
    add(builder, random, "attn_q", 3, 20, 32, 32);
    add(builder, random, "attn_k", 2, 18, 16, 32);
    add(builder, random, "attn_v", 3, 20, 16, 32);
    add(builder, random, "attn_output", 2, 18, 32, 32);
    add(builder, random, "ffn_gate", 3, 20, 64, 32);
    add(builder, random, "ffn_up", 2, 18, 64, 32);
    add(builder, random, "ffn_down", 3, 20, 32, 64);
    try (Checkpoint checkpoint = Checkpoints.open(builder.write(directory.resolve("q.gguf")))) {
      assertTrue(checkpoint.sourceCoverage().isExact());
      assertSourceOfBlock(checkpoint, 0);
    }
  }

  private static void add(
      GgufBuilder builder, Random random, String name, int type, int size, int rows, int columns) {
    byte[] content = new byte[rows * columns / 32 * size];
    random.nextBytes(content);
    for (int at = 0; at < content.length; at += size) {
      content[at + 1] &= (byte) 0xbf; // a finite, not huge scale
      content[at + 3] &= (byte) 0xbf;
    }
    builder.tensor("blk.0." + name + ".weight", type, content, rows, columns);
  }

  private static void assertSourceOfBlock(Checkpoint checkpoint, int layer) {
    BlockParameters<Matrix> block = checkpoint.block(layer);
    for (LinearRole role : LinearRole.values()) {
      assertExact(
          block.linear(role), checkpoint.sourceCodes(layer, role).orElseThrow(AssertionError::new));
    }
  }

  @Test
  void scalesThatAreNoNumbersAreRefused() throws IOException {
    byte[] block = new byte[18];
    block[1] = 0x7c; // infinity
    Path path = new GgufBuilder().tensor("w", 2, block, 1, 32).write(directory.resolve("inf.gguf"));
    StoredTensor tensor = GgufFile.open(path).tensors().get("w");
    assertRefused(
        () -> SourceCodes.read(tensor, RowOrder.AS_STORED),
        "tensor w: row 0, block 0",
        "float16",
        "Infinity");
  }

  @Test
  void theDefaultModelIsASource() {
    try (Checkpoint checkpoint = Checkpoints.open(SmolLm2.fileOrSkip())) {
      assertTrue(checkpoint.sourceCoverage().isExact());
      assertEquals(Set.of(0, 2), checkpoint.generationDefaults().endOfSequence());
      for (int layer = 0; layer < checkpoint.spec().layers(); layer += 29) {
        assertSourceOfBlock(checkpoint, layer);
      }
    }
  }
}
