package io.calm.export.gguf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.export.ExportException;
import io.calm.export.Exports;
import io.calm.export.RopeDivisors;
import io.calm.export.SameWeights;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.Unpacked;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** GGUF files against the artifacts that they were written from, read back by the GGUF reader. */
class GgufExporterTest {
  private static final Path LLAMA = Repository.path("models/calm-tiny-llama");
  private static final Path QWEN2 = Repository.path("models/calm-tiny-qwen2");

  /** Half a unit in the last place of float16: the rounding of a row's scale. */
  private static final double SCALE = 0x1p-11;

  @TempDir Path directory;

  private Path export(Exports from, GgufTables tables) throws IOException {
    return from.write(new GgufExporter(tables), directory.resolve("model.gguf"));
  }

  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#checkpoints")
  void theWeightsOfEveryFamilyAreExact(String family) throws IOException {
    try (Exports from = Exports.of(Goldens.path(family), directory.resolve("cache"));
        Checkpoint read = Checkpoints.open(export(from, GgufTables.F32))) {
      QuantizedModel model = from.artifact().model();
      SameWeights.requireBlocks(model, read, value -> value);
      SameWeights.requireTables(model, read, value -> value, 0);
      SameWeights.requireTokens(from.checkpoint().tokenizer(), read.tokenizer());
      requireSameSpec(model.spec(), read.spec());
      assertEquals(from.checkpoint().generationDefaults().bos(), read.generationDefaults().bos());
      assertTrue(
          read.generationDefaults()
              .endOfSequence()
              .containsAll(from.checkpoint().generationDefaults().endOfSequence()));
    }
  }

  private static void requireSameSpec(ModelSpec expected, ModelSpec got) {
    boolean windowed = expected.windows().stream().anyMatch(window -> window > 0);
    assertEquals(
        List.of(
            expected.hidden(),
            expected.layers(),
            expected.heads(),
            expected.kvHeads(),
            expected.headDim(),
            expected.intermediate(),
            expected.vocabulary(),
            windowed ? expected.windows().get(0) : expected.maxContext(),
            expected.rmsEpsilon(),
            expected.rope().theta(),
            expected.tiedEmbeddings(),
            expected.biases(),
            expected.headNorms()),
        List.of(
            got.hidden(),
            got.layers(),
            got.heads(),
            got.kvHeads(),
            got.headDim(),
            got.intermediate(),
            got.vocabulary(),
            got.maxContext(),
            got.rmsEpsilon(),
            got.rope().theta(),
            got.tiedEmbeddings(),
            got.biases(),
            got.headNorms()));
    requireSameScaling(expected, got.rope().scaling());
  }

  /** GGUF has the scaling of LLaMA 3 as a divisor of each frequency. */
  private static void requireSameScaling(ModelSpec expected, RopeSpec.Scaling got) {
    if (expected.rope().scaling() instanceof RopeSpec.Llama3 llama3) {
      assertArrayEquals(
          RopeDivisors.of(llama3, expected.rope().theta(), expected.headDim()),
          assertInstanceOf(RopeSpec.Factors.class, got).divisors());
    } else {
      assertEquals(expected.rope().scaling(), got);
    }
  }

  /** The attention factor of YaRN is stored relative to llama.cpp's own. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"rope_type\": \"linear\", \"factor\": 4.0}",
        "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 128,"
            + " \"attention_factor\": 0.5}",
        "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 128}"
      })
  void theScalingOfPositionsIsTheCheckpoints(String scaling) throws IOException {
    Path source = Goldens.path("llama-gqa");
    Path model = Files.createDirectory(directory.resolve("scaled"));
    for (String name : List.of("tokenizer.json", "model.safetensors")) {
      Files.copy(source.resolve(name), model.resolve(name));
    }
    Files.writeString(
        model.resolve("config.json"),
        Files.readString(source.resolve("config.json"))
            .replace("\"rope_scaling\": null", "\"rope_scaling\": " + scaling));
    try (Exports from = Exports.of(model, directory.resolve("cache"));
        Checkpoint read = Checkpoints.open(export(from, GgufTables.Q8_0))) {
      RopeSpec.Scaling expected = from.checkpoint().spec().rope().scaling();
      RopeSpec.Scaling got = read.spec().rope().scaling();
      if (expected instanceof RopeSpec.Yarn yarn) {
        RopeSpec.Yarn stored = assertInstanceOf(RopeSpec.Yarn.class, got);
        assertEquals(yarn.attentionFactor(), stored.attentionFactor(), 1e-6f);
        got =
            new RopeSpec.Yarn(
                stored.factor(),
                stored.betaFast(),
                stored.betaSlow(),
                stored.originalContext(),
                yarn.attentionFactor(),
                stored.truncate());
      }
      assertEquals(expected, got);
      assertFalse(expected instanceof RopeSpec.None, "the test tests nothing");
    }
  }

  @Test
  void aListOfListsOfTheSourceIsRefusedWithItsKey() {
    ExportException e =
        assertThrows(
            ExportException.class,
            () -> GgufExporter.requireEncodable("tokenizer.x", List.of(List.of(1L))));
    assertTrue(e.getMessage().startsWith("gguf: key tokenizer.x: expected"), e.getMessage());
    GgufExporter.requireEncodable("tokenizer.x", List.of(1L));
  }

  @ParameterizedTest
  @CsvSource({
    "32, int8",
    "64, int8",
    "128, int8",
    "64, int4",
    "128, int4",
    "32, float16",
    "64, float32"
  })
  void groupsRepeatTheirGridAndTablesHaveTheirFormat(int group, String head) throws IOException {
    try (Exports from =
            Exports.of(
                LLAMA,
                directory.resolve("cache"),
                "calm.group",
                Integer.toString(group),
                "calm.lm-head",
                head);
        Checkpoint read = Checkpoints.open(export(from, GgufTables.Q8_0))) {
      QuantizedModel model = from.artifact().model();
      assertEquals(group, model.blocks().get(0).linear(LinearRole.DOWN).group());
      SameWeights.requireBlocks(model, read, value -> value);
      SameWeights.requireTables(model, read, value -> value, head.startsWith("int") ? SCALE : 0);
      assertTrue(read.sourceCoverage().any());
      assertEquals(model.embeddings() == model.head(), read.spec().tiedEmbeddings());
      requireCodes(model, read, LinearRole.K);
      requireCodes(model, read, LinearRole.DOWN);
    }
  }

  private static void requireCodes(QuantizedModel model, Checkpoint read, LinearRole role) {
    QuantizedMatrix expected = Unpacked.of(model.blocks().get(1).linear(role));
    QuantizedMatrix got = read.sourceCodes(1, role).orElseThrow();
    assertArrayEquals(expected.codes(), got.codes());
    int repeats = expected.group() / got.group();
    for (int i = 0; i < got.scales().length; i++) {
      assertEquals(expected.scales()[i / repeats], got.scales()[i]);
      assertEquals(expected.minimums()[i / repeats], got.minimums()[i]);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"awq", "smoothquant"})
  void foldedScalesAreInNormsAndWeights(String algorithm) throws IOException {
    try (Exports from =
            Exports.of(
                QWEN2,
                directory.resolve("cache"),
                "calm.algorithm",
                algorithm,
                "calm.calibration.seed",
                "1",
                "calm.group",
                "64");
        Checkpoint read = Checkpoints.open(export(from, GgufTables.Q8_0))) {
      QuantizedModel model = from.artifact().model();
      SameWeights.requireBlocks(model, read, value -> value);
      boolean folded = false;
      for (int layer = 0; layer < model.spec().layers(); layer++) {
        folded |=
            !Arrays.equals(
                model.blocks().get(layer).norm(NormRole.MLP),
                from.checkpoint().block(layer).norm(NormRole.MLP));
      }
      assertTrue(folded, "no scale was folded: the test tests nothing");
    }
  }

  /** Groups of 32 and exact tables: the file quantized again by its codes is the same model. */
  @Test
  void theFileServesTheSameLogits() throws IOException {
    int[] tokens = {17, 400, 3, 1999, 250, 250, 7, 61, 1024, 5, 88, 300};
    try (Exports from =
            Exports.of(
                LLAMA, directory.resolve("cache"), "calm.group", "32", "calm.lm-head", "float32");
        Exports again =
            Exports.of(
                export(from, GgufTables.Q8_0),
                directory.resolve("cache"),
                "calm.algorithm",
                "source",
                "calm.lm-head",
                "float32")) {
      float[][] expected = logits(from.artifact().model(), tokens);
      float[][] got = logits(again.artifact().model(), tokens);
      for (int t = 0; t < tokens.length; t++) {
        assertArrayEquals(expected[t], got[t]);
      }
    }
  }

  private static float[][] logits(QuantizedModel model, int[] tokens) {
    try (Decoder decoder = new JavaDecoder(model, KvType.FLOAT16, 1, 1)) {
      return decoder
          .step(List.of(new Decoder.Chunk(new int[] {0}, 0, tokens, Decoder.Wanted.ALL)))
          .get(0)
          .stream()
          .map(row -> row.values().clone())
          .toArray(float[][]::new);
    }
  }

  @Test
  void theMetadataRecordsPlanHashesAndSettings() throws IOException {
    try (Exports from = Exports.of(LLAMA, directory.resolve("cache"), "calm.group", "64")) {
      Map<String, Object> metadata = GgufFile.open(export(from, GgufTables.Q8_0)).metadata();
      assertEquals("uniform-rtn", metadata.get("calm.served"));
      assertEquals("rtn,rtn,rtn,rtn,rtn", metadata.get("calm.blocks"));
      assertEquals("64", metadata.get("calm.group"));
      assertEquals(from.artifact().key().id(), metadata.get("calm.artifact"));
      assertEquals(
          String.join(",", from.artifact().key().modelDigests()),
          metadata.get("calm.model_sha256"));
      assertTrue(String.valueOf(metadata.get("calm.settings")).contains("calm.algorithm=rtn"));
      assertTrue(String.valueOf(metadata.get("calm.plan")).contains("\"candidates\""));
      assertEquals("a-name", metadata.get("general.name"));
      assertEquals("llama", metadata.get("general.architecture"));
      assertEquals(3L, metadata.get("general.file_type"), "MOSTLY_Q4_1 of llama.cpp");
    }
  }

  @Test
  void theChatTemplateIsTheCheckpoints() throws IOException {
    try (Exports from = Exports.of(QWEN2, directory.resolve("cache"));
        Checkpoint read = Checkpoints.open(export(from, GgufTables.Q8_0))) {
      List<Map<String, Object>> messages = List.of(Map.of("role", "user", "content", "Hi"));
      ChatTemplate expected = from.checkpoint().chatTemplate().orElseThrow();
      assertEquals(
          expected.render(messages, true),
          read.chatTemplate().orElseThrow().render(messages, true));
    }
  }
}
