package io.calm.checkpoint.storage;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.SourceCoverage;
import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.gguf.MixedGguf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.tensor.Float16;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import io.calm.testing.Seeds;
import io.calm.testing.SmolLm2;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Map;
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
      boolean fourBitsOfThirtyTwo = tensor.name().matches("t\\.q4_[01k]");
      assertEquals(fourBitsOfThirtyTwo, SourceCodes.isSource(tensor), tensor::toString);
      boolean exact = tensor.name().matches("t\\.q4_[01]");
      assertEquals(exact, SourceCodes.isExact(tensor), tensor::toString);
    }
  }

  /**
   * Codes and grids of Q4_K blocks as ggml's {@code get_scale_min_k4} and {@code
   * dequantize_row_q4_K} have them, with the products rounded to float16.
   *
   * @param blocks the stored bytes
   */
  private static void assertSuperBlocks(byte[] blocks, QuantizedMatrix got) {
    ByteBuffer bytes = ByteBuffer.wrap(blocks).order(ByteOrder.LITTLE_ENDIAN);
    for (int block = 0; block < blocks.length / 144; block++) {
      int at = block * 144;
      float d = Float16.toFloat(bytes.getShort(at));
      float dmin = Float16.toFloat(bytes.getShort(at + 2));
      int[] q = new int[12];
      for (int i = 0; i < 12; i++) {
        q[i] = blocks[at + 4 + i] & 0xff;
      }
      for (int j = 0; j < 8; j++) {
        int scale = j < 4 ? q[j] & 63 : (q[j + 4] & 0xf) | (q[j - 4] >> 6) << 4;
        int minimum = j < 4 ? q[j + 4] & 63 : q[j + 4] >> 4 | (q[j] >> 6) << 4;
        int grid = block * 8 + j;
        assertEquals(Float16.round(d * scale), got.scales()[grid], "scale of group " + grid);
        assertEquals(
            Float16.round(dmin * minimum), 0 - got.minimums()[grid], "minimum of group " + grid);
        for (int l = 0; l < 32; l++) {
          int pair = blocks[at + 16 + j / 2 * 32 + l] & 0xff;
          int code = j % 2 == 0 ? pair & 0xf : pair >> 4;
          assertEquals(code, got.codes()[grid * 32 + l], "code %d of group %d".formatted(l, grid));
        }
      }
    }
  }

  private StoredTensor superBlocks(byte[] content, int rows, int columns) throws IOException {
    Path path = directory.resolve("q4_k.gguf");
    new GgufBuilder().tensor("w", 12, content, rows, columns).write(path);
    return GgufFile.open(path).tensors().get("w");
  }

  @Test
  void superBlocksKeepTheirCodesAndGetGridsRoundedToFloat16() throws IOException {
    long seed = Seeds.of(20261127);
    byte[] content = MixedGguf.Type.Q4_K.random(new Random(seed), 12 * 512);
    StoredTensor tensor = superBlocks(content, 12, 512);
    QuantizedMatrix codes = SourceCodes.read(tensor, RowOrder.AS_STORED);
    assertEquals(32, codes.group());
    assertEquals(12, codes.outputs());
    assertEquals(512, codes.inputs());
    assertSuperBlocks(content, codes);
    assertWithinTheRoundingOfGrids(tensor.read(), codes);
  }

  /** A grid changes by at most 2^-11 of itself, and the weight by the sum of both changes. */
  private static void assertWithinTheRoundingOfGrids(Matrix dequantized, QuantizedMatrix codes) {
    float[] row = new float[codes.inputs()];
    for (int n = 0; n < codes.outputs(); n++) {
      dequantized.readRow(n, row);
      for (int k = 0; k < row.length; k++) {
        int grid = n * codes.inputs() / 32 + k / 32;
        float product = codes.scales()[grid] * codes.codes()[n * row.length + k];
        float minimum = codes.minimums()[grid];
        double bound = (Math.abs(product) + Math.abs(minimum)) * 0x1.01p-11;
        assertEquals(row[k], product + minimum, bound, "[%d, %d]".formatted(n, k));
      }
    }
  }

  @Test
  void theGoldenSuperBlocksKeepTheirCodes() {
    StoredTensor tensor = GgufFile.open(Goldens.path("gguf/types.gguf")).tensors().get("t.q4_k");
    byte[] row = new byte[tensor.rowBytes()];
    byte[] all = new byte[Math.toIntExact(tensor.byteSize())];
    for (int r = 0; r < tensor.rows(); r++) {
      tensor.readRow(r, row);
      System.arraycopy(row, 0, all, r * row.length, row.length);
    }
    QuantizedMatrix codes = SourceCodes.read(tensor, RowOrder.AS_STORED);
    assertSuperBlocks(all, codes);
    assertWithinTheRoundingOfGrids(tensor.read(), codes);
  }

  /** Multiples of a subnormal float16 are multiples of 2^-24 and need no rounding. */
  @Test
  void superBlocksWithSubnormalScalesAreExact() throws IOException {
    byte[] content = MixedGguf.Type.Q4_K.random(new Random(3), 4 * 256);
    for (int at = 0; at < content.length; at += 144) {
      content[at] = 15; // 15 * 2^-24, whose largest multiple has 10 bits
      content[at + 1] = 0;
      content[at + 2] = 7;
      content[at + 3] = 0;
    }
    StoredTensor tensor = superBlocks(content, 4, 256);
    assertExact(tensor.read(), SourceCodes.read(tensor, RowOrder.AS_STORED));
  }

  @Test
  void productsOutsideFloat16AreRefused() throws IOException {
    byte[] content = new byte[144];
    content[1] = 0x7b; // d = 57344
    content[4] = 2;
    StoredTensor tensor = superBlocks(content, 1, 256);
    assertRefused(
        () -> SourceCodes.read(tensor, RowOrder.AS_STORED),
        "tensor w: row 0, block 0",
        "float16",
        "Infinity");
  }

  @Test
  void theCoverageCountsWeightsByTheirForm() throws IOException {
    Path file =
        MixedGguf.write(
            directory.resolve("mixed.gguf"),
            2,
            Map.of(LinearRole.V, MixedGguf.Type.Q6_K, LinearRole.O, MixedGguf.Type.Q4_1),
            11);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      SourceCoverage coverage = checkpoint.sourceCoverage();
      int v = 128 * 256;
      int o = 256 * 256;
      int others = (256 + 128) * 256 + 3 * 256 * 512;
      assertEquals(new SourceCoverage(2L * o, 2L * others, 2L * v), coverage);
      assertEquals(1 - (double) v / (v + o + others), coverage.share(), 1e-12);
      assertFalse(coverage.isExact());
      assertTrue(checkpoint.sourceCodes(1, LinearRole.V).isEmpty());
      for (LinearRole role : Set.of(LinearRole.Q, LinearRole.K, LinearRole.DOWN)) {
        assertWithinTheRoundingOfGrids(
            checkpoint.block(1).linear(role),
            checkpoint.sourceCodes(1, role).orElseThrow(AssertionError::new));
      }
    }
  }

  @Test
  void severalThreadsReadTheSameBlock() throws IOException {
    Map<LinearRole, MixedGguf.Type> types = Map.of(LinearRole.DOWN, MixedGguf.Type.Q6_K);
    Path file = MixedGguf.write(directory.resolve("block.gguf"), 1, types, 12);
    try (Checkpoint checkpoint = Checkpoints.open(file);
        Parallel parallel = new Parallel(3)) {
      BlockParameters<Matrix> expected = checkpoint.block(0);
      BlockParameters<Matrix> got = checkpoint.block(0, parallel);
      for (LinearRole role : LinearRole.values()) {
        assertEquals(expected.linear(role).bytes(), got.linear(role).bytes(), role::name);
      }
    }
  }

  @Test
  void rowsOfQueriesAreUnPermutedAsInTheWeights() throws IOException {
    long seed = Seeds.of(20260722);
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
