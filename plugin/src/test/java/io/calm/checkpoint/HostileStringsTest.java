package io.calm.checkpoint;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.gguf.GgufBuilder;
import io.calm.checkpoint.hf.TinyHf;
import io.calm.checkpoint.open.Checkpoints;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Messages show strings of files cut, with control characters escaped. */
class HostileStringsTest {
  /** Escape sequences, line ends, a bidirectional override, and a length that floods a log. */
  private static final String HOSTILE =
      "\u001b]0;owned\u0007\u001b[2J\r\nINFO forged\u202e\u0000\u0085\u2028" + "x".repeat(1 << 20);

  /** The same in the 256 bytes that a tensor's name may have in GGUF. */
  private static final String HOSTILE_NAME = HOSTILE.substring(0, 240);

  private static final String TAME = "\\u001b]0;owned\\u0007\\u001b[2J\\r\\nINFO forged\\u202e";
  private static final int MAX_MESSAGE = 2100;

  @TempDir private Path directory;

  private void assertTame(Path model) {
    String message =
        assertThrows(CheckpointException.class, () -> Checkpoints.open(model)).getMessage();
    assertTrue(message.contains("INFO forged"), message);
    assertPrintable(message);
    assertTrue(message.contains(TAME), message);
  }

  private static void assertPrintable(String message) {
    assertTrue(message.length() <= MAX_MESSAGE, () -> "length " + message.length());
    assertTrue(!message.contains("x".repeat(201)), message);
    assertTrue(
        message
            .codePoints()
            .noneMatch(
                c -> {
                  int type = Character.getType(c);
                  return type == Character.CONTROL
                      || type == Character.FORMAT
                      || type == Character.LINE_SEPARATOR
                      || type == Character.PARAGRAPH_SEPARATOR;
                }),
        message);
  }

  private static String json() {
    return new JsonPrimitive(HOSTILE).toString();
  }

  @TestFactory
  Stream<DynamicTest> valuesOfConfig() {
    return Stream.of(
            "model_type",
            "hidden_act",
            "hidden_size",
            "rms_norm_eps",
            "tie_word_embeddings",
            "rope_theta",
            "bos_token_id",
            "rope_scaling")
        .map(
            key ->
                DynamicTest.dynamicTest(
                    key, () -> assertTame(new TinyHf().set(key, json()).write(directory))));
  }

  @Test
  void nestedValuesOfConfig() throws IOException {
    JsonArray names = new JsonArray();
    names.add(HOSTILE);
    assertTame(new TinyHf().set("architectures", names.toString()).write(directory));
    assertTame(
        new TinyHf()
            .set("model_type", "\"qwen2\"")
            .set("layer_types", names.toString())
            .write(directory));
    assertTame(
        new TinyHf().set("rope_scaling", "{\"rope_type\": %s}".formatted(json())).write(directory));
    assertTame(new TinyHf().set("rope_scaling", "{%s: {}}".formatted(json())).write(directory));
  }

  @Test
  void generationConfigAndIndex() throws IOException {
    new TinyHf().write(directory);
    Path generation = directory.resolve("generation_config.json");
    Files.writeString(generation, "{\"temperature\": %s}".formatted(json()));
    assertTame(directory);
    Files.writeString(generation, "[%s]".formatted(json()));
    assertTame(directory);
    Files.delete(generation);
    Files.delete(directory.resolve("model.safetensors"));
    Path index = directory.resolve("model.safetensors.index.json");
    Files.writeString(index, "{\"weight_map\": {\"w\": %s}}".formatted(json()));
    assertTame(directory);
    Files.writeString(index, "{\"weight_map\": {%s: 1}}".formatted(json()));
    assertTame(directory);
    TinyHf.writeTensors(directory.resolve("a.safetensors"), new TinyHf().tensors());
    Files.writeString(index, "{\"weight_map\": {%s: \"a.safetensors\"}}".formatted(json()));
    Checkpoints.open(directory).close(); // the model does not need a tensor of this name
  }

  @Test
  void tensorNamesAndTypesOfSafetensors() throws IOException {
    Map<String, float[][]> tensors = new TreeMap<>(new TinyHf().tensors());
    tensors.put(TinyHf.BLOCK + HOSTILE, new float[][] {{1}});
    new TinyHf().writeConfig(directory);
    Path file = directory.resolve("model.safetensors");
    TinyHf.writeTensors(file, tensors);
    assertTame(directory);
    for (String header :
        new String[] {
          "{\"w\": {\"dtype\": %s, \"shape\": [1], \"data_offsets\": [0, 4]}}",
          "{\"w\": {%s: 1}}",
          "{%s: {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [0, 4]}}",
          "{%s: {\"dtype\": \"F32\", \"shape\": [2]}}",
          "{%s: {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}",
        }) {
      writeHeader(file, header.formatted(json()));
      assertTame(directory);
    }
    for (String header : new String[] {"{%s: 1}", "{\"w\": {\"shape\": %s}}", "%s", "{%s"}) {
      writeHeader(file, header.formatted(json()));
      assertPrintable(
          assertThrows(CheckpointException.class, () -> Checkpoints.open(directory)).getMessage());
    }
  }

  private static void writeHeader(Path file, String header) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes = ByteBuffer.allocate(12 + json.length);
    bytes.order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).put(json);
    Files.write(file, bytes.array());
  }

  @TestFactory
  Stream<DynamicTest> keysValuesAndTensorsOfGguf() {
    return Stream.<Map.Entry<String, Consumer<GgufBuilder>>>of(
            Map.entry("architecture", b -> b.text("general.architecture", HOSTILE)),
            Map.entry("type", b -> b.metadata("llama").text("general.type", HOSTILE)),
            Map.entry("rope", b -> b.model("llama").text("llama.rope.scaling.type", HOSTILE)),
            Map.entry("number", b -> b.model("llama").text("llama.rope.freq_base", HOSTILE)),
            Map.entry("key twice", b -> b.text(HOSTILE, "a").text(HOSTILE, "b")),
            Map.entry("key's type", b -> b.raw(HOSTILE, 13)),
            Map.entry("tensor's type", b -> b.tensor(HOSTILE_NAME, 99, new byte[4], 1)),
            Map.entry("tensor twice", b -> b.zeros(HOSTILE_NAME, 1).zeros(HOSTILE_NAME, 1)),
            Map.entry("tensor's offset", b -> b.tensorAt(HOSTILE_NAME, 0, 1L << 40, 1)),
            Map.entry("tensor's bytes", b -> b.zeros("a", 8).tensorAt(HOSTILE_NAME, 0, 0, 8)),
            Map.entry("unknown tensor", b -> b.model("llama").zeros("blk.0." + HOSTILE_NAME, 1)))
        .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> gguf(entry.getValue())));
  }

  private void gguf(Consumer<GgufBuilder> change) throws IOException {
    GgufBuilder builder = new GgufBuilder();
    change.accept(builder);
    assertTame(builder.write(directory.resolve("m.gguf")));
  }

  @Test
  void namesOfFiles() throws IOException {
    String name = "\u001b[31mINFO forged\n.onnx";
    Files.writeString(directory.resolve(name), "x");
    String message =
        assertThrows(CheckpointException.class, () -> Checkpoints.open(directory)).getMessage();
    assertPrintable(message);
    assertTrue(message.contains("\\u001b[31mINFO forged\\n.onnx"), message);
  }
}
