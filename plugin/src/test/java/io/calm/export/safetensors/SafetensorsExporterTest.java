package io.calm.export.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.artifact.PlanJson;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.export.Exports;
import io.calm.export.SameWeights;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Hugging Face directories against the artifacts that they were written from, read back. */
class SafetensorsExporterTest {
  private static final Path LLAMA = Repository.path("models/calm-tiny-llama");

  @TempDir Path directory;

  private Path out() {
    return directory.resolve("out");
  }

  private Exports quantize(Path model, String... settings) {
    return Exports.of(model, directory.resolve("cache"), settings);
  }

  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#checkpoints")
  void theWeightsOfEveryFamilyAreExactInFloat32(String family) throws IOException {
    try (Exports from = quantize(Goldens.path(family));
        Checkpoint read =
            Checkpoints.open(from.write(new SafetensorsExporter(WeightType.F32), out()))) {
      QuantizedModel model = from.artifact().model();
      SameWeights.requireBlocks(model, read, value -> value);
      SameWeights.requireTables(model, read, value -> value, 0);
      SameWeights.requireTokens(from.checkpoint().tokenizer(), read.tokenizer());
      assertEquals(spec(model.spec()), spec(read.spec()));
      assertEquals(
          from.checkpoint().generationDefaults().endOfSequence(),
          read.generationDefaults().endOfSequence());
    }
  }

  /** Returns the parts of a topology that both formats have. */
  private static List<Object> spec(ModelSpec spec) {
    return List.of(
        spec.architecture(),
        spec.hidden(),
        spec.layers(),
        spec.heads(),
        spec.kvHeads(),
        spec.headDim(),
        spec.intermediate(),
        spec.vocabulary(),
        spec.maxContext(),
        spec.rmsEpsilon(),
        spec.rope(),
        spec.tiedEmbeddings(),
        spec.biases(),
        spec.headNorms(),
        spec.windows());
  }

  @Test
  void bfloat16RoundsHalfToEven() throws IOException {
    try (Exports from = quantize(LLAMA, "calm.group", "64");
        Checkpoint read =
            Checkpoints.open(from.write(new SafetensorsExporter(WeightType.BF16), out()))) {
      SameWeights.requireBlocks(from.artifact().model(), read, SafetensorsExporterTest::toBfloat16);
      SameWeights.requireTables(
          from.artifact().model(), read, SafetensorsExporterTest::toBfloat16, 0x1p-8);
    }
    assertEquals(0x3f80, bits(Float.intBitsToFloat(0x3f808000)));
    assertEquals(0x3f82, bits(Float.intBitsToFloat(0x3f818000)));
    assertEquals(0x3f81, bits(Float.intBitsToFloat(0x3f808001)));
    assertEquals(0xbf81, bits(Float.intBitsToFloat(0xbf808001)));
  }

  /** Rounds by exact arithmetic in double, unlike the writer. */
  private static float toBfloat16(float value) {
    double unit = Math.scalb(1.0, Math.max(Math.getExponent(value), -126) - 7);
    return (float) (Math.rint(value / unit) * unit);
  }

  private static int bits(float value) {
    ByteBuffer target = ByteBuffer.allocate(2).order(ByteOrder.LITTLE_ENDIAN);
    WeightType.BF16.put(value, target);
    return target.getShort(0) & 0xffff;
  }

  @Test
  void aLargeModelHasShardsAndAnIndex() throws IOException {
    try (Exports from = quantize(LLAMA, "calm.lm-head", "int4")) {
      Path written = from.write(new SafetensorsExporter(WeightType.F32, 3_000_000), out());
      JsonObject index = JsonFile.object(written.resolve("model.safetensors.index.json"));
      List<String> files =
          index.getAsJsonObject("weight_map").asMap().values().stream()
              .map(file -> file.getAsString())
              .distinct()
              .sorted()
              .toList();
      assertTrue(files.size() > 3, files.toString());
      assertEquals("model-00001-of-%05d.safetensors".formatted(files.size()), files.get(0));
      for (String file : files) {
        assertTrue(Files.size(written.resolve(file)) < 3_100_000, file);
      }
      assertFalse(Files.exists(written.resolve("model.safetensors")));
      try (Checkpoint read = Checkpoints.open(written)) {
        SameWeights.requireBlocks(from.artifact().model(), read, value -> value);
        SameWeights.requireTables(from.artifact().model(), read, value -> value, 0);
        assertFalse(read.spec().tiedEmbeddings(), "an int4 head is a table of its own");
      }
    }
  }

  @Test
  void theDirectoryRecordsPlanHashesAndSettings() throws IOException {
    try (Exports from = quantize(LLAMA)) {
      Path written = from.write(new SafetensorsExporter(WeightType.BF16), out());
      JsonObject origin = JsonFile.object(written.resolve("calm.json"));
      assertEquals("rtn,rtn,rtn,rtn,rtn", origin.get("calm.blocks").getAsString());
      assertEquals(from.artifact().key().id(), origin.get("calm.artifact").getAsString());
      assertTrue(origin.getAsJsonObject("calm.plan").has("blocks"));
      JsonObject config = JsonFile.object(written.resolve("config.json"));
      assertEquals("bfloat16", config.get("torch_dtype").getAsString());
      assertTrue(config.get("tie_word_embeddings").getAsBoolean());
      assertEquals(
          -1, Files.mismatch(LLAMA.resolve("tokenizer.json"), written.resolve("tokenizer.json")));
    }
  }

  /** In Mistral's config.json, null means no window, and a missing key one of 4096 tokens. */
  @Test
  void nullsOfTheConfigurationAreKept() throws IOException {
    Path model = Files.createDirectory(directory.resolve("mistral"));
    for (String name : List.of("tokenizer.json", "model.safetensors")) {
      Files.copy(Goldens.path("mistral-sliding-window").resolve(name), model.resolve(name));
    }
    String config = Files.readString(Goldens.path("mistral-sliding-window").resolve("config.json"));
    Files.writeString(
        model.resolve("config.json"),
        config
            .replace("\"sliding_window\": 16", "\"sliding_window\": null")
            .replace("\"eos_token_id\": 0", "\"eos_token_id\": null"));
    try (Exports from = quantize(model);
        Checkpoint read =
            Checkpoints.open(from.write(new SafetensorsExporter(WeightType.F32), out()))) {
      assertEquals(List.of(0, 0, 0), from.checkpoint().spec().windows());
      assertEquals(List.of(0, 0, 0), read.spec().windows());
      assertEquals(
          JsonNull.INSTANCE, JsonFile.object(out().resolve("config.json")).get("eos_token_id"));
      String plan = JsonFile.object(out().resolve("calm.json")).get("calm.plan").toString();
      assertEquals(from.artifact().plan().blocks(), PlanJson.read(plan).blocks());
    }
  }
}
