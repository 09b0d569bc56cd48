package io.calm.checkpoint.hf;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** A one-block LLaMA in a Hugging Face directory, D 8, F 12, V 10, to be changed and written. */
public final class TinyHf {
  public static final String EMBEDDINGS = "model.embed_tokens.weight";
  public static final String HEAD = "lm_head.weight";
  public static final String NORM = "model.norm.weight";
  public static final String BLOCK = "model.layers.0.";

  private final JsonObject config = new JsonObject();
  private final Map<String, float[][]> tensors = new TreeMap<>();

  public TinyHf() {
    this(8, 2, 1, 4, 12, 10);
  }

  /** Makes a block of other sizes. */
  public TinyHf(int hidden, int heads, int kvHeads, int headDim, int intermediate, int vocabulary) {
    set("model_type", "\"llama\"").set("num_hidden_layers", "1");
    set("hidden_size", hidden).set("num_attention_heads", heads);
    set("num_key_value_heads", kvHeads).set("head_dim", headDim);
    set("intermediate_size", intermediate).set("vocab_size", vocabulary);
    set("max_position_embeddings", 64).set("tie_word_embeddings", "true");
    put(EMBEDDINGS, matrix(1, vocabulary, hidden)).put(NORM, matrix(2, 1, hidden));
    put(BLOCK + "input_layernorm.weight", matrix(3, 1, hidden));
    put(BLOCK + "post_attention_layernorm.weight", matrix(4, 1, hidden));
    put(BLOCK + "self_attn.q_proj.weight", matrix(5, heads * headDim, hidden));
    put(BLOCK + "self_attn.k_proj.weight", matrix(6, kvHeads * headDim, hidden));
    put(BLOCK + "self_attn.v_proj.weight", matrix(7, kvHeads * headDim, hidden));
    put(BLOCK + "self_attn.o_proj.weight", matrix(8, hidden, heads * headDim));
    put(BLOCK + "mlp.gate_proj.weight", matrix(9, intermediate, hidden));
    put(BLOCK + "mlp.up_proj.weight", matrix(10, intermediate, hidden));
    put(BLOCK + "mlp.down_proj.weight", matrix(11, hidden, intermediate));
  }

  /** Returns values that differ from those of other seeds. */
  public static float[][] matrix(int seed, int rows, int columns) {
    float[][] values = new float[rows][columns];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        values[r][c] = (float) Math.sin(seed * 1000 + r * columns + c);
      }
    }
    return values;
  }

  /** Sets a key of config.json to JSON text. */
  public TinyHf set(String key, String json) {
    config.add(key, JsonParser.parseString(json));
    return this;
  }

  /** Sets a key of config.json to a number. */
  public TinyHf set(String key, Number value) {
    config.addProperty(key, value);
    return this;
  }

  /** Adds or replaces an F32 tensor; one row and a name with {@code norm} or {@code bias}: [D]. */
  public TinyHf put(String name, float[][] values) {
    tensors.put(name, values);
    return this;
  }

  public TinyHf remove(String name) {
    tensors.remove(name);
    return this;
  }

  /** Sets one value of a tensor. */
  public TinyHf put(String name, int row, int column, float value) {
    tensors.get(name)[row][column] = value;
    return this;
  }

  public Map<String, float[][]> tensors() {
    return tensors;
  }

  /** Writes config.json and model.safetensors. */
  public Path write(Path directory) throws IOException {
    writeConfig(directory);
    writeTensors(directory.resolve("model.safetensors"), tensors);
    return directory;
  }

  public Path writeConfig(Path directory) throws IOException {
    Files.createDirectories(directory);
    return Files.writeString(directory.resolve("config.json"), config.toString());
  }

  /** Writes a safetensors file. */
  public static Path writeTensors(Path file, Map<String, float[][]> tensors) throws IOException {
    JsonObject header = new JsonObject();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    for (Map.Entry<String, float[][]> entry : tensors.entrySet()) {
      float[][] rows = entry.getValue();
      boolean vector = rows.length == 1 && entry.getKey().matches(".*(norm.*|bias)");
      JsonObject tensor = new JsonObject();
      tensor.addProperty("dtype", "F32");
      tensor.add("shape", vector ? numbers(rows[0].length) : numbers(rows.length, rows[0].length));
      int begin = data.size();
      for (float[] row : rows) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * row.length).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, row.length).forEach(c -> bytes.putFloat(row[c]));
        data.writeBytes(bytes.array());
      }
      tensor.add("data_offsets", numbers(begin, data.size()));
      header.add(entry.getKey(), tensor);
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream whole = new ByteArrayOutputStream();
    whole.writeBytes(
        ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(json.length).array());
    whole.writeBytes(json);
    whole.writeBytes(data.toByteArray());
    return Files.write(file, whole.toByteArray());
  }

  private static JsonElement numbers(int... values) {
    JsonArray array = new JsonArray();
    IntStream.of(values).forEach(array::add);
    return array;
  }
}
