package io.calm.checkpoint.safetensors;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.tensor.Matrix;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SafetensorsFileTest {
  @TempDir private Path directory;

  private Path file(String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    ByteBuffer bytes =
        ByteBuffer.allocate(8 + json.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putLong(json.length).put(json);
    for (int i = 0; i < dataBytes; i++) {
      bytes.put((byte) i);
    }
    return Files.write(directory.resolve("t.safetensors"), bytes.array());
  }

  private TensorTable open(String header, int dataBytes) throws IOException {
    return SafetensorsFile.read(CheckpointFile.open(file(header, dataBytes)));
  }

  private static String tensor(String name, String dtype, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, shape, begin, end);
  }

  @Test
  void tensorsMayStandInAnyOrderAndBeEmpty() throws IOException {
    TensorTable table =
        open(
            "{\"__metadata__\":{\"format\":\"pt\"},"
                + tensor("b", "I8", "[2,2]", 4, 8)
                + ","
                + tensor("a", "U8", "[4]", 0, 4)
                + ","
                + tensor("none", "F32", "[0,3]", 4, 4)
                + ","
                + tensor("scalar", "BOOL", "[]", 8, 9)
                + "}   ",
            9);
    StoredTensor b = table.get("b");
    assertEquals(List.of(2L, 2L), b.shape());
    assertArrayEquals(new float[] {4, 5, 6, 7}, b.readVector(RowOrder.AS_STORED));
    assertArrayEquals(new float[0], table.get("none").readVector(RowOrder.AS_STORED));
    assertArrayEquals(new float[] {8}, table.get("scalar").readVector(RowOrder.AS_STORED));
  }

  @Test
  void damagedHeadersAreRefused() {
    assertRefused(
        () ->
            SafetensorsFile.read(
                CheckpointFile.open(Files.write(directory.resolve("short"), new byte[7]))),
        "short",
        "at least 8 bytes");
    assertRefused(
        () ->
            SafetensorsFile.read(
                CheckpointFile.open(Files.write(directory.resolve("zero"), new byte[64]))),
        "header length",
        "got 0");
    assertRefused(
        () ->
            SafetensorsFile.read(
                CheckpointFile.open(
                    Files.write(
                        directory.resolve("long"),
                        new byte[] {-1, -1, -1, -1, -1, -1, -1, -1, 0}))),
        "header length",
        "18446744073709551615");
    byte[] latin1 = {2, 0, 0, 0, 0, 0, 0, 0, '{', (byte) 0xff};
    assertRefused(
        () ->
            SafetensorsFile.read(
                CheckpointFile.open(Files.write(directory.resolve("latin1"), latin1))),
        "header: expected UTF-8, got other bytes");
    assertRefused(() -> open("{\"a\": ", 0), "header", "JSON object");
    assertRefused(() -> open("[]", 0), "JSON object");
    assertRefused(() -> open("{} {}", 0), "malformed JSON");
    assertRefused(() -> open("{'a': 1}", 0), "JSON object");
    assertRefused(() -> open("{\"a\": 5}", 0), "JSON object");
    assertRefused(() -> open("{\"a\": {\"dtype\": \"F32\", \"size\": 1}}", 0), "tensor a", "size");
    assertRefused(() -> open("{\"a\": {\"dtype\": \"F32\", \"shape\": [1]}}", 0), "not all of");
    assertRefused(
        () -> open("{" + tensor("a", "F32", "[\"1\"]", 0, 4) + "}", 4), "expected a number");
    assertRefused(() -> open("{" + tensor("a", "F32", "[1e30]", 0, 4) + "}", 4), "JSON object");
  }

  @Test
  void wrongTensorsAreRefused() {
    String a = tensor("a", "F32", "[2]", 0, 8);
    assertRefused(
        () -> open("{" + tensor("a", "F8_E4M3", "[8]", 0, 8) + "}", 8), "tensor a", "F8_E4M3");
    assertRefused(
        () -> open("{" + tensor("a", "F32", "[1]", 0, 8) + "}", 8),
        "tensor a",
        "4 bytes for F32 [1]",
        "8 bytes");
    assertRefused(() -> open("{" + tensor("a", "F32", "[-2]", 0, 8) + "}", 8), "tensor a", "[-2]");
    assertRefused(
        () -> open("{" + tensor("a", "F32", "[4611686018427387904,4,2]", 0, 8) + "}", 8),
        "below 2^63");
    assertRefused(() -> open("{" + a + "}", 7), "8 bytes of tensors", "got 7", "truncated");
    assertRefused(() -> open("{" + a + "}", 9), "8 bytes of tensors", "got 9");
    assertRefused(
        () -> open("{" + a + "," + tensor("b", "F32", "[2]", 4, 12) + "}", 12),
        "tensor b",
        "begin at 8",
        "[4, 12]");
    assertRefused(
        () -> open("{" + a + "," + tensor("b", "F32", "[1]", 12, 16) + "}", 16), "[12, 16]");
    assertRefused(() -> open("{" + a + "," + tensor("b", "F32", "[1]", 8, 4) + "}", 8), "[8, 4]");
    assertRefused(
        () -> open("{" + a + "," + tensor("a", "F32", "[1]", 8, 12) + "}", 12),
        "tensor a",
        "one tensor of this name");
  }

  @Test
  void headersThatWouldTakeTooMuchMemoryAreRefused() throws IOException {
    assertRefused(
        () -> open("{" + tensor("a", "F64", "[268435456]", 0, 8) + "}", 8),
        "tensor a",
        "2^31 - 1 bytes per row");
    assertRefused(() -> open("{}" + " ".repeat(16 << 20), 0), "header length", "2 to 16777216");
    assertRefused(
        () -> open("{" + tensor("n".repeat(513), "F32", "[0]", 0, 0) + "}", 0),
        "a name of at most 512 characters, got one of 513");
    assertRefused(
        () -> open("{" + tensor("a", "F32", "[0" + ",1".repeat(16) + "]", 0, 0) + "}", 0),
        "tensor a",
        "at most 16 dimensions");
    assertEquals(1 << 17, open(many(1 << 17), 0).all().size());
    assertRefused(() -> open(many((1 << 17) + 1), 0), "at most 131072 tensors");
  }

  private static String many(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> tensor("t" + i, "F32", "[0]", 0, 0))
        .collect(Collectors.joining(",", "{", "}"));
  }

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    Path path = directory.resolve("out.safetensors");
    TreeMap<String, Matrix> tensors = new TreeMap<>();
    tensors.put("logits", Matrix.of(new float[][] {{1, -2.5f, 3}, {Float.MIN_VALUE, 5, 6}}));
    tensors.put("a \"name\"", Matrix.of(new float[][] {{7}}));
    SafetensorsWriter.write(path, tensors);

    TensorTable table = SafetensorsFile.read(CheckpointFile.open(path));
    assertEquals(List.of(2L, 3L), table.get("logits").shape());
    assertEquals(0, table.get("a \"name\"").offset() % 8);
    for (var entry : tensors.entrySet()) {
      assertEquals(entry.getValue().bytes(), table.get(entry.getKey()).read().bytes());
    }
  }
}
