package io.calm.checkpoint.safetensors;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.tensor.Matrix;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SortedMap;

/** Writes float32 matrices to a safetensors file. */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 8;

  private SafetensorsWriter() {}

  /**
   * Writes {@code tensors} in the order of their names. Replaces an existing file.
   *
   * @throws IOException if the file cannot be written; it may then be incomplete
   */
  public static void write(Path path, SortedMap<String, Matrix> tensors) throws IOException {
    try (OutputStream out = Files.newOutputStream(path)) {
      write(out, tensors);
    }
  }

  /** Writes {@code tensors} in the order of their names. Leaves the stream open. */
  public static void write(OutputStream stream, SortedMap<String, Matrix> tensors)
      throws IOException {
    OutputStream out = new BufferedOutputStream(stream, 1 << 16);
    byte[] header = header(tensors);
    ByteBuffer length = ByteBuffer.allocate(Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    out.write(length.putLong(header.length).array());
    out.write(header);
    for (Matrix matrix : tensors.values()) {
      writeRows(matrix, out);
    }
    out.flush();
  }

  private static byte[] header(SortedMap<String, Matrix> tensors) {
    JsonObject header = new JsonObject();
    long offset = 0;
    for (var entry : tensors.entrySet()) {
      Matrix matrix = entry.getValue();
      long end = offset + 4L * matrix.rows() * matrix.columns();
      JsonObject tensor = new JsonObject();
      tensor.addProperty("dtype", "F32");
      tensor.add("shape", pair(matrix.rows(), matrix.columns()));
      tensor.add("data_offsets", pair(offset, end));
      header.add(entry.getKey(), tensor);
      offset = end;
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    int padded = (json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    byte[] bytes = Arrays.copyOf(json, padded);
    Arrays.fill(bytes, json.length, padded, (byte) ' ');
    return bytes;
  }

  private static JsonArray pair(long first, long second) {
    JsonArray pair = new JsonArray();
    pair.add(first);
    pair.add(second);
    return pair;
  }

  private static void writeRows(Matrix matrix, OutputStream out) throws IOException {
    float[] row = new float[matrix.columns()];
    ByteBuffer bytes = ByteBuffer.allocate(4 * row.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int r = 0; r < matrix.rows(); r++) {
      matrix.readRow(r, row);
      bytes.asFloatBuffer().put(row);
      out.write(bytes.array());
    }
  }
}
