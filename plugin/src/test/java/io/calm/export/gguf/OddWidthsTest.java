package io.calm.export.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.export.ExportException;
import io.calm.export.Exports;
import io.calm.export.SameWeights;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.tensor.Matrix;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Models and tables that ggml's blocks of 32 do not fit, biases of rotated rows, and topologies
 * that llama.cpp lacks.
 */
class OddWidthsTest {
  @TempDir Path directory;

  private static float[] random(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  /** Returns the bytes of F32 values. */
  private static byte[] bytes(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    return bytes.array();
  }

  private static GgufBuilder random(GgufBuilder builder, Random random, String name, int n, int k) {
    return builder.tensor(name, 0, bytes(random(random, n * k)), n, k);
  }

  /** Returns a model of one block with two query heads of 4 and random weights. */
  private static GgufBuilder model(Random random) {
    GgufBuilder builder =
        new GgufBuilder()
            .metadata("llama")
            .vector("output_norm.weight", random(random, 8))
            .vector("blk.0.attn_norm.weight", random(random, 8))
            .vector("blk.0.ffn_norm.weight", random(random, 8));
    random(builder, random, "token_embd.weight", 10, 8);
    random(builder, random, "blk.0.attn_q.weight", 8, 8);
    random(builder, random, "blk.0.attn_k.weight", 4, 8);
    random(builder, random, "blk.0.attn_v.weight", 4, 8);
    random(builder, random, "blk.0.attn_output.weight", 8, 8);
    random(builder, random, "blk.0.ffn_gate.weight", 12, 8);
    random(builder, random, "blk.0.ffn_up.weight", 12, 8);
    return random(builder, random, "blk.0.ffn_down.weight", 8, 12);
  }

  private Exports open(GgufBuilder model) throws IOException {
    return Exports.of(model.write(directory.resolve("source.gguf")), directory.resolve("cache"));
  }

  @Test
  void rowsWithoutWholeBlocksAreExactInFloat32() throws IOException {
    long seed = Seeds.next();
    try (Exports from = open(model(new Random(seed)));
        Checkpoint read =
            Checkpoints.open(
                from.write(new GgufExporter(GgufTables.Q8_0), directory.resolve("out.gguf")))) {
      SameWeights.requireBlocks(from.artifact().model(), read, value -> value);
      SameWeights.requireTables(from.artifact().model(), read, value -> value, 0);
      assertEquals(false, read.sourceCoverage().any(), "seed " + seed);
    }
  }

  /** llama.cpp interleaves the halves of each head of q and k: 0 2 1 3 of four rows. */
  @Test
  void biasesAreInTheOrderOfTheRowsOfTheFile() throws IOException {
    GgufBuilder builder =
        model(new Random(Seeds.next()))
            .vector("blk.0.attn_q.bias", 1, 2, 3, 4, 5, 6, 7, 8)
            .vector("blk.0.attn_k.bias", 1, 2, 3, 4)
            .vector("blk.0.attn_v.bias", 1, 2, 3, 4)
            .vector("blk.0.attn_output.bias", 1, 2, 3, 4, 5, 6, 7, 8);
    try (Exports from = open(builder);
        Checkpoint read =
            Checkpoints.open(
                from.write(new GgufExporter(GgufTables.F32), directory.resolve("out.gguf")))) {
      Map<LinearRole, float[]> biases = read.block(0).biases();
      assertArrayEquals(new float[] {1, 3, 2, 4, 5, 7, 6, 8}, biases.get(LinearRole.Q));
      assertArrayEquals(new float[] {1, 3, 2, 4}, biases.get(LinearRole.K));
      assertArrayEquals(new float[] {1, 2, 3, 4}, biases.get(LinearRole.V));
      assertArrayEquals(new float[] {1, 2, 3, 4, 5, 6, 7, 8}, biases.get(LinearRole.O));
      SameWeights.requireBlocks(from.artifact().model(), read, value -> value);
    }
  }

  private static TokenTable table(float... values) {
    Matrix rows = Matrix.allocate(values.length, 32);
    for (int token = 0; token < values.length; token++) {
      float[] row = new float[32];
      row[3] = values[token];
      rows.writeRow(token, row);
    }
    return TokenTableBuilder.int8(values.length, 32, 32, ByteBuffer::allocateDirect)
        .add(rows)
        .build();
  }

  /** The scale of a row is its largest value over 127. */
  @Test
  void scalesOutsideFloat16AreNotRounded() {
    assertEquals(GgmlType.Q8_0, GgufTables.Q8_0.type(table(1, 0, -127 * 0x1p-14f)));
    assertEquals(GgmlType.F32, GgufTables.Q8_0.type(table(1, 126 * 0x1p-14f)));
    assertEquals(GgmlType.F32, GgufTables.Q8_0.type(table(1, 127 * 65600f)));
    assertEquals(GgmlType.F16, GgufTables.F16.type(table(1)));
    assertEquals(GgmlType.F32, GgufTables.F32.type(table(1)));
    assertEquals(TableFormat.INT8, table(1).format());
  }

  private static ModelSpec spec(
      String architecture, Set<LinearRole> biases, RopeSpec.Scaling scaling) {
    return spec(architecture, 16, biases, scaling);
  }

  private static ModelSpec spec(
      String architecture, int headDim, Set<LinearRole> biases, RopeSpec.Scaling scaling) {
    return new ModelSpec(
        architecture,
        64,
        2,
        4,
        2,
        headDim,
        96,
        100,
        128,
        1e-5f,
        new RopeSpec(10000, scaling),
        false,
        biases,
        architecture.equals("qwen3"),
        List.of(0, 40));
  }

  @Test
  void topologiesThatLlamaCppLacksAreNamed() {
    GgufArchitecture.requireSupported(
        spec("llama", Set.of(LinearRole.values()), new RopeSpec.None()));
    GgufArchitecture.requireSupported(
        spec("qwen2", Set.of(LinearRole.Q, LinearRole.K), new RopeSpec.None()));
    requireRefused(spec("qwen3", Set.of(LinearRole.Q), new RopeSpec.None()), "biases of []");
    requireRefused(spec("qwen2", Set.of(LinearRole.O), new RopeSpec.None()), "got [O]");
    requireRefused(spec("phi3", Set.of(), new RopeSpec.None()), "qwen2 or qwen3, got phi3");
    requireRefused(
        spec("llama", Set.of(), new RopeSpec.Yarn(4, 32, 1, 32, 1, false)), "truncate=false");
    GgufArchitecture.requireSupported(
        spec("llama", Set.of(), new RopeSpec.Yarn(4, 32, 1, 32, 0.5f, true)));
    requireRefused(
        spec("llama", Set.of(), new RopeSpec.Yarn(4, 16, 1, 32, 1, true)), "beta_fast=16.0");
    requireRefused(
        spec("qwen3", Set.of(), new RopeSpec.Yarn(4, 32, 2, 32, 1, true)), "beta_slow=2.0");
    RopeSpec.Scaling llama3 = new RopeSpec.Llama3(8, 1, 4, 32);
    GgufArchitecture.requireSupported(spec("mistral", Set.of(), llama3));
    requireRefused(spec("qwen3", Set.of(), llama3), "linear or yarn, as llama.cpp has in qwen3");
    requireRefused(spec("qwen2", 24, Set.of(), new RopeSpec.None()), "head_dim: expected hidden_");
    GgufArchitecture.requireSupported(spec("llama", 24, Set.of(), new RopeSpec.None()));
  }

  private static void requireRefused(ModelSpec spec, String part) {
    ExportException e =
        assertThrows(ExportException.class, () -> GgufArchitecture.requireSupported(spec));
    String message = String.valueOf(e.getMessage());
    assertTrue(message.contains(part), message);
    assertTrue(message.endsWith("export with --format safetensors"), message);
  }

  @Test
  void theContextEndsWithTheSmallestWindow() {
    assertEquals(40, GgufArchitecture.context(spec("qwen2", Set.of(), new RopeSpec.None())));
  }
}
