package io.calm.export.safetensors;

import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.export.ExportOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Writes tensors to one safetensors file, or to several with an index.
 *
 * @param type number format of all tensors
 * @param limit maximum size of the tensors of a file in bytes; a larger tensor has a file of its
 *     own
 * @param metadata texts for the header of each file
 */
record ShardWriter(WeightType type, long limit, Map<String, String> metadata) {
  private static final int ALIGNMENT = 8;
  private static final Gson JSON = new Gson();

  /**
   * Writes the files into {@code directory}.
   *
   * @param beforeEach receives the name of each tensor before it is written
   */
  void write(Path directory, List<WeightTensor> tensors, Consumer<String> beforeEach)
      throws IOException {
    List<List<WeightTensor>> shards = shards(tensors);
    JsonObject files = new JsonObject();
    for (int i = 0; i < shards.size(); i++) {
      String name =
          shards.size() == 1
              ? "model.safetensors"
              : "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      shards.get(i).forEach(tensor -> files.addProperty(tensor.name(), name));
      writeFile(directory.resolve(name), shards.get(i), beforeEach);
    }
    if (shards.size() > 1) {
      JsonObject total = new JsonObject();
      total.addProperty("total_size", tensors.stream().mapToLong(it -> it.size(type)).sum());
      JsonObject index = new JsonObject();
      index.add("metadata", total);
      index.add("weight_map", files);
      Files.writeString(directory.resolve("model.safetensors.index.json"), JSON.toJson(index));
    }
  }

  private List<List<WeightTensor>> shards(List<WeightTensor> tensors) {
    List<List<WeightTensor>> shards = new ArrayList<>();
    long size = Long.MAX_VALUE;
    for (WeightTensor tensor : tensors) {
      if (size > limit - tensor.size(type)) {
        shards.add(new ArrayList<>());
        size = 0;
      }
      shards.get(shards.size() - 1).add(tensor);
      size += tensor.size(type);
    }
    return shards;
  }

  private void writeFile(Path path, List<WeightTensor> tensors, Consumer<String> beforeEach)
      throws IOException {
    try (OutputStream out = ExportOutput.stream(path)) {
      byte[] header = header(tensors);
      out.write(
          ByteBuffer.allocate(Long.BYTES)
              .order(ByteOrder.LITTLE_ENDIAN)
              .putLong(header.length)
              .array());
      out.write(header);
      for (WeightTensor tensor : tensors) {
        beforeEach.accept(tensor.name());
        writeRows(tensor, out);
      }
    }
  }

  private byte[] header(List<WeightTensor> tensors) {
    JsonObject header = new JsonObject();
    JsonObject texts = new JsonObject();
    texts.addProperty("format", "pt");
    metadata.forEach(texts::addProperty);
    header.add("__metadata__", texts);
    long offset = 0;
    for (WeightTensor tensor : tensors) {
      long end = offset + tensor.size(type);
      JsonArray shape = new JsonArray();
      tensor.shape().forEach(shape::add);
      JsonArray offsets = new JsonArray();
      offsets.add(offset);
      offsets.add(end);
      JsonObject entry = new JsonObject();
      entry.addProperty("dtype", type.name());
      entry.add("shape", shape);
      entry.add("data_offsets", offsets);
      header.add(tensor.name(), entry);
      offset = end;
    }
    byte[] json = JSON.toJson(header).getBytes(StandardCharsets.UTF_8);
    byte[] bytes = Arrays.copyOf(json, (json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    Arrays.fill(bytes, json.length, bytes.length, (byte) ' ');
    return bytes;
  }

  private void writeRows(WeightTensor tensor, OutputStream out) throws IOException {
    float[] values = new float[tensor.columns()];
    ByteBuffer bytes =
        ByteBuffer.allocate(type.bytes() * values.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int r = 0; r < tensor.rows(); r++) {
      tensor.row().write(r, values);
      bytes.clear();
      for (float value : values) {
        type.put(value, bytes);
      }
      out.write(bytes.array());
    }
  }
}
