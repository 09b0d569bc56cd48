package io.calm.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.gguf.GgufTensorNames;
import io.calm.checkpoint.safetensors.SafetensorsWriter;
import io.calm.cli.eval.DecoderLogits;
import io.calm.cli.eval.Perplexity;
import io.calm.export.gguf.GgufExporter;
import io.calm.export.gguf.GgufTables;
import io.calm.export.safetensors.SafetensorsExporter;
import io.calm.export.safetensors.WeightType;
import io.calm.model.LinearRole;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Exports against the programs that they are for. {@code CALM_TEST_PYTHON} names a Python with
 * {@code llama-cpp-python} and {@code gguf}, or with {@code transformers} and {@code torch}; a test
 * whose packages it lacks is skipped.
 */
@Tag("python")
class PeersTest {
  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "");
  private static final Path TEXT = Repository.path("docs/tutorial/first-model.md");
  private static final int WINDOWS = 4;
  private static final int LENGTH = 256;

  @TempDir Path directory;

  private static void require(String packages) throws Exception {
    boolean there =
        !PYTHON.isEmpty()
            && new ProcessBuilder(PYTHON, "-c", "import " + packages)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor()
                == 0;
    assumeTrue(
        there,
        "no Python with the packages %s: set CALM_TEST_PYTHON to one that has them"
            .formatted(packages));
  }

  private List<String> python(String script, String... arguments) throws Exception {
    List<String> command =
        new ArrayList<>(
            List.of(PYTHON, Repository.path("plugin/src/test/python/" + script).toString()));
    command.addAll(List.of(arguments));
    Path output = directory.resolve("output");
    Path errors = directory.resolve("errors");
    int status =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(errors.toFile())
            .start()
            .waitFor();
    assertEquals(0, status, () -> command + ": " + read(errors));
    return read(output).lines().toList();
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path gguf(Exports from) throws IOException {
    return from.write(new GgufExporter(GgufTables.Q8_0), directory.resolve("model.gguf"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama-gqa", "qwen2-bias", "qwen3-qknorm"})
  void theGgufPackageReadsTheSameBits(String family) throws Exception {
    require("gguf");
    try (Exports from = Exports.of(Goldens.path(family), directory.resolve("cache"))) {
      Map<String, String> digests =
          python("gguf_peers.py", "weights", gguf(from).toString()).stream()
              .map(line -> line.split(" ", 2))
              .collect(Collectors.toMap(words -> words[0], words -> words[1]));
      for (int layer = 0; layer < from.model().spec().layers(); layer++) {
        for (LinearRole role : LinearRole.values()) {
          String name = GgufTensorNames.INSTANCE.weight(layer, role);
          try (Matrix weight = Packing.dequantize(from.model().block(layer).linear(role))) {
            assertEquals(digest(weight), digests.get(name), name);
          }
        }
      }
    }
  }

  private static String digest(Matrix values) throws Exception {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    float[] row = new float[values.columns()];
    ByteBuffer bytes = ByteBuffer.allocate(4 * row.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int n = 0; n < values.rows(); n++) {
      values.readRow(n, row);
      bytes.clear();
      for (float value : row) {
        bytes.putFloat(value + 0f); // -0 is 0
      }
      digest.update(bytes.array());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @ParameterizedTest
  @ValueSource(strings = {"models/calm-tiny-llama", "models/calm-tiny-qwen2"})
  void llamaCppHasTheSamePerplexityAndTokens(String model) throws Exception {
    require("llama_cpp, gguf");
    try (Exports from =
            Exports.of(Repository.path(model), directory.resolve("cache"), "calm.group", "64");
        JavaDecoder decoder =
            new JavaDecoder(from.artifact().model(), KvType.FLOAT16, 1, LENGTH / 16)) {
      String file = gguf(from).toString();
      String text = Files.readString(TEXT, StandardCharsets.UTF_8);
      int[] tokens = from.checkpoint().tokenizer().encode(text, false);
      List<String> ids = python("gguf_peers.py", "tokens", file, TEXT.toString());
      assertEquals(join(tokens), ids.get(0));
      assertEquals(join(from.checkpoint().tokenizer().encode(text, true)), ids.get(1));
      List<int[]> windows = Perplexity.windows(tokens, WINDOWS, LENGTH, LENGTH);
      Path lines = directory.resolve("windows");
      Files.write(lines, windows.stream().map(PeersTest::join).toList());
      double theirs =
          python("gguf_peers.py", "nll", file, lines.toString()).stream()
              .mapToDouble(Double::parseDouble)
              .average()
              .orElseThrow();
      double ours =
          Perplexity.measure(new DecoderLogits(decoder), windows, done -> {}).nll().mean();
      System.out.printf(
          "%s: perplexity %.3f, of llama.cpp %.3f%n", model, Math.exp(ours), Math.exp(theirs));
      assertEquals(1, Math.exp(theirs - ours), 0.005);
    }
  }

  private static String join(int[] ids) {
    return Arrays.stream(ids).mapToObj(Integer::toString).collect(Collectors.joining(" "));
  }

  @Test
  void transformersHasTheSameLogits() throws Exception {
    require("transformers, torch");
    Path text = Files.writeString(directory.resolve("text"), "One of the first cities");
    List<String> arguments = new ArrayList<>(List.of(text.toString()));
    List<List<Integer>> ids = new ArrayList<>();
    for (Path model :
        List.of(
            Repository.path("models/calm-tiny-llama"),
            Repository.path("models/calm-tiny-qwen2"),
            Goldens.path("llama3-rope-scaled"),
            Goldens.path("mistral-sliding-window"),
            Goldens.path("qwen3-qknorm"),
            Goldens.path("gguf/qwen2-bias.gguf"))) {
      Path out = directory.resolve("export-" + ids.size());
      Path logits = directory.resolve("logits-" + ids.size());
      try (Exports from = Exports.of(model, directory.resolve("cache"))) {
        from.write(new SafetensorsExporter(WeightType.F32), out);
        int[] tokens = from.checkpoint().tokenizer().encode(read(text), true);
        ids.add(Arrays.stream(tokens).boxed().toList());
        writeLogits(from, tokens, logits);
      }
      arguments.addAll(List.of(out.toString(), logits.toString()));
    }
    List<String> lines = python("transformers_peer.py", arguments.toArray(String[]::new));
    assertEquals(ids.size(), lines.size());
    for (int i = 0; i < lines.size(); i++) {
      System.out.println(lines.get(i));
      JsonObject result = JsonParser.parseString(lines.get(i)).getAsJsonObject();
      assertEquals(
          ids.get(i),
          result.getAsJsonArray("ids").asList().stream().map(id -> id.getAsInt()).toList());
      // Only the rounding of activations to int8 is between them.
      assertTrue(result.get("difference").getAsDouble() < 0.1, lines.get(i));
      assertTrue(result.get("cosine").getAsDouble() > 0.98, lines.get(i));
    }
  }

  private static void writeLogits(Exports from, int[] tokens, Path file) throws IOException {
    try (JavaDecoder decoder =
            new JavaDecoder(from.artifact().model(), KvType.FLOAT16, 1, LENGTH / 16);
        Matrix logits = Matrix.allocate(tokens.length, from.model().spec().vocabulary())) {
      new DecoderLogits(decoder).run(tokens, logits::writeRow);
      SafetensorsWriter.write(file, new TreeMap<>(Map.of("logits", logits)));
    }
  }
}
