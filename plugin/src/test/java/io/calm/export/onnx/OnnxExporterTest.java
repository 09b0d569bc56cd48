package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.onnxruntime.OrtSession;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.export.ExportException;
import io.calm.export.Exports;
import io.calm.model.ModelSpec;
import io.calm.runtime.KvType;
import io.calm.testing.JsonFile;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The directory of an ONNX export, as DJL's ONNX Runtime engine loads it. */
class OnnxExporterTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");
  private static final int[] TOKENS = {17, 400, 3, 1999};

  /** Rounding to int8 magnifies other last bits: {@link OnnxDefaultModelTest}. */
  private static final double NEAR = 0.1;

  @TempDir private Path directory;

  private static OnnxRequest growing() {
    return new OnnxRequest(
        OnnxEngine.ONNX_RUNTIME,
        OptionalInt.empty(),
        OptionalInt.empty(),
        OptionalInt.empty(),
        Optional.empty());
  }

  private static OnnxRequest fixed(OnnxEngine engine, int batch, int chunk, int context) {
    return new OnnxRequest(
        engine,
        OptionalInt.of(batch),
        OptionalInt.of(chunk),
        OptionalInt.of(context),
        Optional.empty());
  }

  @Test
  void aModelWithoutATokenizerIsRefusedBeforeTheSearch() throws IOException {
    for (String name : List.of("config.json", "model.safetensors")) {
      Files.copy(TINY.resolve(name), directory.resolve(name));
    }
    try (Checkpoint checkpoint = Checkpoints.open(directory)) {
      OnnxExporter exporter = new OnnxExporter(growing());
      CheckpointException e =
          assertThrows(CheckpointException.class, () -> exporter.requireSupported(checkpoint));
      assertTrue(e.getMessage().contains("tokenizer.json"), e.getMessage());
    }
  }

  @Test
  void theDirectoryIsCompleteAndNamesItsOrigin() throws Exception {
    try (Exports exports = Exports.of(TINY, directory.resolve("cache"))) {
      Path out = exports.write(new OnnxExporter(growing()), directory.resolve("out"));
      Properties properties = new Properties();
      properties.load(new StringReader(Files.readString(out.resolve("serving.properties"))));
      assertEquals("OnnxRuntime", properties.getProperty("engine"));
      JsonObject shapes = JsonFile.object(out.resolve("calm-onnx.json"));
      ModelSpec spec = exports.checkpoint().spec();
      assertEquals(spec.layers(), shapes.get("layers").getAsInt());
      assertEquals("float32", shapes.get("kv_cache").getAsString());
      assertFalse(shapes.getAsJsonArray("end_of_sequence").isEmpty());
      for (String file : List.of("config.json", "tokenizer.json", "calm.json")) {
        assertTrue(Files.size(out.resolve(file)) > 0, file);
      }
      try (OrtSession.SessionOptions settings = new OrtSession.SessionOptions();
          OrtSession session =
              OrtModel.environment()
                  .createSession(out.resolve(OnnxModelWriter.GRAPH).toString(), settings)) {
        Map<String, String> metadata = session.getMetadata().getCustomMetadata();
        assertEquals(exports.artifact().key().id(), metadata.get("calm.artifact"));
        assertTrue(JsonParser.parseString(metadata.getOrDefault("calm.plan", "")).isJsonObject());
      }
    }
  }

  /** Weights have 4 bits, and an int8 table 8: the file shows it. */
  @Test
  void weightsStayPacked() throws IOException {
    try (Exports exports = Exports.of(TINY, directory.resolve("cache"))) {
      Path out = exports.write(new OnnxExporter(growing()), directory.resolve("out"));
      long file = Files.size(out.resolve(OnnxModelWriter.WEIGHTS));
      long stored = exports.artifact().sizeInBytes();
      // float32 grids for float16, the head beside tied embeddings, ones, rotary tables, padding
      assertTrue(file < 4 * stored, file + " bytes, the artifact has " + stored);
    }
  }

  /** Blocks that it does not multiply as they are stored would be dequantized in every run. */
  @Test
  void onnxRuntimeMultipliesAllBlocksAsTheyAreStored() throws Exception {
    Path optimized = directory.resolve("optimized.onnx");
    try (Exports exports = Exports.of(TINY, directory.resolve("cache"));
        OrtSession.SessionOptions settings = new OrtSession.SessionOptions()) {
      Path out = exports.write(new OnnxExporter(growing()), directory.resolve("out"));
      settings.setOptimizedModelFilePath(optimized.toString());
      OrtModel.environment()
          .createSession(out.resolve(OnnxModelWriter.GRAPH).toString(), settings)
          .close();
    }
    String graph = Files.readString(optimized, StandardCharsets.ISO_8859_1);
    assertTrue(graph.contains("MatMulNBits"));
    assertFalse(graph.contains("DequantizeLinear"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"growing", "fixed"})
  void djlsEngineGivesTheDecodersLogits(String shapes) throws Exception {
    OnnxRequest request =
        shapes.equals("growing") ? growing() : fixed(OnnxEngine.ONNX_RUNTIME, 2, 4, 32);
    try (Exports exports = Exports.of(TINY, directory.resolve("cache"))) {
      Path out = exports.write(new OnnxExporter(request), directory.resolve("out"));
      float[][] expected =
          OnnxNumericsTest.decode(exports.artifact().model(), Optional.empty(), TOKENS);
      Criteria<NDList, NDList> criteria =
          Criteria.builder()
              .setTypes(NDList.class, NDList.class)
              .optEngine("OnnxRuntime")
              .optModelPath(out)
              .optModelName("model")
              .build();
      try (ZooModel<NDList, NDList> model = criteria.loadModel();
          Predictor<NDList, NDList> predictor = model.newPredictor();
          NDManager manager = model.getNDManager().newSubManager()) {
        NDList inputs =
            shapes.equals("growing")
                ? padded(manager, exports.checkpoint().spec())
                : twoRows(manager, exports.checkpoint().spec());
        NDArray logits = predictor.predict(inputs).get(0);
        assertEquals("logits", logits.getName());
        int vocabulary = expected[0].length;
        float[] all = logits.toFloatArray();
        // The last two tokens of the first sequence, and the two tokens of the second.
        requireNear(expected[3], all, 3 * vocabulary);
        float[][] second =
            OnnxNumericsTest.decode(
                exports.artifact().model(), Optional.empty(), TOKENS[2], TOKENS[3]);
        requireNear(second[1], all, (shapes.equals("growing") ? 7 : 5) * vocabulary);
      }
    }
  }

  private static void requireNear(float[] expected, float[] all, int from) {
    float[] got = Arrays.copyOfRange(all, from, from + expected.length);
    double error = OnnxNumericsTest.error(new float[][] {expected}, new float[][] {got});
    assertTrue(error < NEAR, () -> "error " + error);
  }

  /**
   * Returns two sequences of 4 and 2 tokens, the second padded on the left, after one masked
   * position of the cache, as clients of DJL need it.
   */
  private static NDList padded(NDManager manager, ModelSpec spec) {
    long[] ids = {TOKENS[0], TOKENS[1], TOKENS[2], TOKENS[3], 0, 0, TOKENS[2], TOKENS[3]};
    long[] mask = {0, 1, 1, 1, 1, 0, 0, 0, 1, 1};
    long[] positions = {0, 1, 2, 3, 0, 0, 0, 1};
    NDList inputs =
        new NDList(
            named("input_ids", manager.create(ids, new Shape(2, 4))),
            named("attention_mask", manager.create(mask, new Shape(2, 5))),
            named("position_ids", manager.create(positions, new Shape(2, 4))));
    return withCache(inputs, manager, spec, 1);
  }

  /** Returns the same sequences at the start of a fixed cache, the second padded on the right. */
  private static NDList twoRows(NDManager manager, ModelSpec spec) {
    int[] ids = {TOKENS[0], TOKENS[1], TOKENS[2], TOKENS[3], TOKENS[2], TOKENS[3], 0, 0};
    int[] positions = {0, 1, 2, 3, 0, 1, 2, 3};
    NDList inputs =
        new NDList(
            named("input_ids", manager.create(ids, new Shape(2, 4))),
            named("position_ids", manager.create(positions, new Shape(2, 4))));
    return withCache(inputs, manager, spec, 32);
  }

  private static NDList withCache(NDList inputs, NDManager manager, ModelSpec spec, int positions) {
    Shape shape = new Shape(2, spec.kvHeads(), positions, spec.headDim());
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (String part : List.of("key", "value")) {
        inputs.add(
            named(
                "past_key_values.%d.%s".formatted(layer, part),
                manager.zeros(shape, DataType.FLOAT32)));
      }
    }
    return inputs;
  }

  private static NDArray named(String name, NDArray array) {
    array.setName(name);
    return array;
  }

  @Test
  void sizesBeyondTheModelAreRefused() throws IOException {
    ModelSpec spec = GoldenModels.spec("llama-gqa");
    ExportException context =
        assertThrows(
            ExportException.class,
            () -> fixed(OnnxEngine.TENSOR_RT, 1, 1, spec.maxContext() + 1).resolve(spec));
    assertTrue(
        context.getMessage().startsWith("--context: expected at most " + spec.maxContext()),
        context.getMessage());
    assertThrows(
        ExportException.class, () -> fixed(OnnxEngine.ONNX_RUNTIME, 1, 9, 8).resolve(spec));
    OnnxOptions automatic =
        new OnnxRequest(
                OnnxEngine.TENSOR_RT,
                OptionalInt.empty(),
                OptionalInt.empty(),
                OptionalInt.empty(),
                Optional.of(KvType.FLOAT16))
            .resolve(spec);
    assertEquals(
        Optional.of(new FixedShape(1, 1, Math.min(2048, spec.maxContext()))), automatic.shape());
  }

  @Test
  void theNoteNamesTheMissingLibraries() throws IOException {
    Path libraries = Files.createDirectory(directory.resolve("lib"));
    Files.createFile(libraries.resolve("libnvinfer.so.8"));
    List<String> missing =
        TensorRtLibraries.missing(Map.of("LD_LIBRARY_PATH", libraries.toString()));
    assertFalse(missing.contains("libnvinfer.so.8"), missing.toString());
    Files.createFile(libraries.resolve("libnvonnxparser.so.8"));
    Files.createFile(libraries.resolve("libnvparsers.so.8"));
    assertEquals(
        List.of(), TensorRtLibraries.missing(Map.of("LD_LIBRARY_PATH", libraries.toString())));
    String note = TensorRtLibraries.note(List.of("libnvinfer.so.8"));
    assertTrue(
        note.startsWith("libnvinfer.so.8: not found in LD_LIBRARY_PATH or the usual directories"),
        note);
  }
}
