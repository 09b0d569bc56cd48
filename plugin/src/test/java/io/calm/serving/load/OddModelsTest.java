package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.hf.TinyHf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.generate.SchedulerSettings;
import io.calm.quantize.QuantizeException;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.reply.ApiException;
import io.calm.settings.CalmSettings;
import io.calm.testing.Repository;
import io.calm.testing.TestSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Models with odd sizes and values: each is searched and computes, or is refused by its key. */
class OddModelsTest {
  private static final Duration NO_HANG = Duration.ofMinutes(5);

  private static final Path TOKENIZER = Repository.path("models/calm-tiny-llama/tokenizer.json");

  @TempDir private Path directory;

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", directory.resolve("cache").toString());
    values.put("calm.calibration.samples", "2");
    values.put("calm.calibration.length", "8");
    values.put("calm.threads", "2");
    return TestSettings.of(values, keysAndValues);
  }

  private static Stream<Arguments> works() {
    return Stream.of(
        Arguments.of("128 query heads to one", new TinyHf(64, 128, 1, 2, 64, 300)),
        Arguments.of("heads of width 2", new TinyHf(64, 32, 32, 2, 64, 300)),
        Arguments.of("odd widths", new TinyHf(33, 3, 1, 6, 35, 300)),
        Arguments.of("a feed-forward of 1", new TinyHf(32, 1, 1, 2, 1, 300)),
        Arguments.of("an epsilon of 0", new TinyHf(32, 2, 2, 16, 64, 300).set("rms_norm_eps", 0)),
        Arguments.of(
            "a context of 2^31 - 1",
            new TinyHf(32, 2, 2, 16, 64, 300).set("max_position_embeddings", Integer.MAX_VALUE)),
        Arguments.of(
            "a context of 8", new TinyHf(32, 2, 2, 16, 64, 300).set("max_position_embeddings", 8)),
        Arguments.of(
            "a window of 1",
            new TinyHf(32, 2, 2, 16, 64, 300)
                .set("model_type", "\"mistral\"")
                .set("sliding_window", 1)),
        Arguments.of(
            "a yarn factor of 1e30",
            new TinyHf(32, 2, 2, 16, 64, 300)
                .set(
                    "rope_scaling",
                    "{\"rope_type\": \"yarn\", \"factor\": 1e30,"
                        + " \"original_max_position_embeddings\": 2147483647}")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("works")
  void searchesAndComputes(String name, TinyHf model) throws IOException {
    Path path = model.write(directory.resolve("model"));
    Files.copy(TOKENIZER, path.resolve("tokenizer.json"));
    for (String kernel : List.of("java", "auto")) {
      assertTimeoutPreemptively(
          NO_HANG, () -> searchAndCompute(path, settings("calm.kernel", kernel)));
    }
  }

  private static void searchAndCompute(Path model, CalmSettings settings) {
    try (Checkpoint checkpoint = Checkpoints.open(model);
        Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, moment -> {});
        Decoder decoder = Decoders.open(artifact.model(), settings.decoder().forDecoder(), 1)) {
      Decoder.Chunk chunk =
          new Decoder.Chunk(new int[] {0}, 0, new int[] {1, 7, 299}, Decoder.Wanted.ALL);
      for (var row : decoder.step(List.of(chunk)).get(0)) {
        for (float logit : row.values()) {
          assertTrue(Float.isFinite(logit));
        }
      }
      SchedulerSettings budgets =
          SchedulerBudgets.of(checkpoint.spec(), settings, 1L << 40, OptionalLong.empty());
      assertTrue(budgets.maxContext() <= 4096 && budgets.kvTokens() > 0);
      ArtifactLayout layout = new QuantizedModelStore(settings).layout(checkpoint);
      assertTrue(
          MemoryEstimate.of(checkpoint.spec(), layout, settings, budgets, false).bytes() > 0);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "num_attention_heads     | 256        | num_key_value_heads: expected at most 128 query",
        "num_attention_heads     | 2147483647 | num_attention_heads: expected 1 to",
        "num_key_value_heads     | 0          | num_key_value_heads: expected 1 to 2, got 0",
        "head_dim                | 65536      | head_dim: expected 2 to 4096, got 65536",
        "head_dim                | 3          | head_dim: expected an even width",
        "hidden_size             | 2147483647 | hidden_size: expected 1 to 65536",
        "intermediate_size       | 2147483647 | intermediate_size: expected 1 to",
        "vocab_size              | 2147483647 | vocab_size: expected 1 to 16777216",
        "num_hidden_layers       | 2147483647 | num_hidden_layers: expected 1 to 4096",
        "num_hidden_layers       | 0          | num_hidden_layers: expected 1 to 4096",
        "max_position_embeddings | 0          | max_position_embeddings: expected 1 to",
        "max_position_embeddings | 4294967296 | max_position_embeddings: expected a whole number",
        "rms_norm_eps            | -1         | rms_norm_eps: expected 0.0 to 1.0, got -1.0",
        "rms_norm_eps            | 1e300      | rms_norm_eps: expected 0.0 to 1.0, got Infinity",
        "rope_theta              | 0          | rope_theta: expected 1.0 to",
        "rope_theta              | -1         | rope_theta: expected 1.0 to",
        "rope_theta              | 1e300      | rope_theta: expected 1.0 to",
      })
  void isRefusedByItsKey(String key, String value, String message) throws IOException {
    Path model = new TinyHf(64, 2, 1, 2, 64, 300).set(key, value).write(directory.resolve("m"));
    String refused =
        assertThrows(CheckpointException.class, () -> Checkpoints.open(model)).getMessage();
    assertTrue(refused.contains("config.json: key " + message), refused);
  }

  @Test
  void productsBeyondAnIntAreRefusedByTheirKeys() throws IOException {
    Path model =
        new TinyHf()
            .set("hidden_size", 14336)
            .set("vocab_size", 152064)
            .set("head_dim", 64)
            .write(directory.resolve("model"));
    String refused =
        assertThrows(CheckpointException.class, () -> Checkpoints.open(model)).getMessage();
    assertTrue(refused.contains("key vocab_size * hidden_size: expected 1 to 2147483647"), refused);
  }

  private static Stream<Arguments> badValues() {
    String down = TinyHf.BLOCK + "mlp.down_proj.weight";
    return Stream.of("rtn", "gptq", "awq")
        .flatMap(
            algorithm ->
                Stream.of(
                    Arguments.of(algorithm, down, 3, 5, Float.POSITIVE_INFINITY),
                    Arguments.of(algorithm, down, 3, 5, 2e5f),
                    Arguments.of(algorithm, TinyHf.NORM, 0, 5, Float.NaN),
                    Arguments.of(algorithm, TinyHf.EMBEDDINGS, 9, 0, Float.NaN)));
  }

  @ParameterizedTest
  @MethodSource("badValues")
  void valuesOutsideTheFormatAreRefusedBeforeAnythingIsWritten(
      String algorithm, String tensor, int row, int column, float value) throws IOException {
    Path model = new TinyHf().put(tensor, row, column, value).write(directory.resolve("model"));
    List<String> phases = new ArrayList<>();
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      CheckpointException refused =
          assertThrows(
              CheckpointException.class,
              () ->
                  new QuantizedModelStore(settings("calm.algorithm", algorithm))
                      .get(checkpoint, moment -> phases.add(moment.phase())));
      assertTrue(refused.getMessage().contains("model.safetensors: tensor " + tensor));
      assertEquals(ApiException.Kind.INVALID, LoadErrors.of(refused).kind());
    }
    assertEquals("checking", phases.get(phases.size() - 1));
    try (Stream<Path> files = Files.walk(directory.resolve("cache"))) {
      assertEquals(0, files.filter(file -> file.endsWith("plan.json")).count());
    }
  }

  @Test
  void anOwnHeadOfATiedModelIsServed() throws IOException {
    Map<String, float[][]> tables = new TreeMap<>();
    for (boolean own : new boolean[] {false, true}) {
      TinyHf model = new TinyHf();
      if (own) {
        model.put(TinyHf.HEAD, TinyHf.matrix(99, 10, 8));
      }
      Path path = model.write(directory.resolve("model" + own));
      CalmSettings settings = settings("calm.algorithm", "rtn", "calm.lm-head", "float32");
      try (Checkpoint checkpoint = Checkpoints.open(path);
          Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, moment -> {});
          Decoder decoder = Decoders.open(artifact.model(), settings.decoder().forDecoder(), 1)) {
        Decoder.Chunk chunk =
            new Decoder.Chunk(new int[] {0}, 0, new int[] {1, 7}, Decoder.Wanted.ALL);
        tables.put(
            String.valueOf(own),
            decoder.step(List.of(chunk)).get(0).stream()
                .map(row -> row.values().clone())
                .toArray(float[][]::new));
      }
    }
    float[] tied = tables.get("false")[1];
    float[] untied = tables.get("true")[1];
    double difference = 0;
    for (int v = 0; v < tied.length; v++) {
      difference = Math.max(difference, Math.abs(tied[v] - untied[v]));
    }
    assertTrue(difference > 1e-2, "the stored head was not used");
  }

  @Test
  void aModelWithoutATokenizerIsRefusedBeforeItIsQuantized() throws IOException {
    Path model = new TinyHf(32, 2, 2, 16, 64, 300).write(directory.resolve("model"));
    Files.writeString(model.resolve("tokenizer.json"), "{}");
    CalmSettings settings = settings("calm.algorithm", "rtn", "calm.lm-head", "int8");
    String refused =
        assertThrows(
                CheckpointException.class,
                () ->
                    ModelLoader.load(
                        new ModelLoader.Order(
                            "m", "file:/m", model, settings, LmiOptions.DEFAULT, false),
                        moment -> {}))
            .getMessage();
    assertTrue(refused.contains("tokenizer.json"), refused);
    assertFalse(Files.exists(directory.resolve("cache/artifacts")), "the work began");
  }

  /** All embeddings are alike, so no algorithm has anything to compare: the checkpoint's fault. */
  @Test
  void aModelThatNoAlgorithmCanQuantizeIsTheClientsError() throws IOException {
    TinyHf model = new TinyHf(32, 2, 2, 16, 64, 300);
    Path path = model.put(TinyHf.EMBEDDINGS, new float[300][32]).write(directory.resolve("model"));
    Files.copy(TOKENIZER, path.resolve("tokenizer.json"));
    try (Checkpoint checkpoint = Checkpoints.open(path)) {
      QuantizeException refused =
          assertThrows(
              QuantizeException.class,
              () -> new QuantizedModelStore(settings()).get(checkpoint, moment -> {}));
      ApiException error = LoadErrors.of(refused);
      assertEquals(ApiException.Kind.INVALID, error.kind());
      assertTrue(
          error.getMessage().contains("the embeddings of all tokens are equal"),
          error.getMessage());
    }
  }
}
