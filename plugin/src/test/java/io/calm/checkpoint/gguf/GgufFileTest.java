package io.calm.checkpoint.gguf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.TensorType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufFileTest {
  @TempDir private Path directory;

  private Path file(GgufBuilder builder) throws IOException {
    return builder.write(directory.resolve("model.gguf"));
  }

  private GgufFile open(GgufBuilder builder) throws IOException {
    return GgufFile.open(file(builder));
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3})
  void metadataOfEveryTypeIsRead(int version) throws IOException {
    GgufFile gguf =
        open(
            new GgufBuilder()
                .version(version)
                .raw("u8", 0, (byte) 200)
                .raw("i8", 1, (byte) 200)
                .raw("u16", 2, (byte) 0xff, (byte) 0xff)
                .raw("i16", 3, (byte) 0xff, (byte) 0xff)
                .integer("u32", 0xfffffffeL)
                .raw("i32", 5, (byte) 0xfe, (byte) 0xff, (byte) 0xff, (byte) 0xff)
                .number("f32", 0.5)
                .raw("flag", 7, (byte) 1)
                .text("text", "žluť \uD83D\uDE00")
                .integers("array", 1, -2, 3)
                .raw("u64", 10, new byte[] {1, 0, 0, 0, 1, 0, 0, 0})
                .raw("f64", 12, new byte[] {0, 0, 0, 0, 0, 0, (byte) 0xf0, 0x3f}));

    assertEquals(200L, gguf.metadata().get("u8"));
    assertEquals(-56L, gguf.metadata().get("i8"));
    assertEquals(65535L, gguf.metadata().get("u16"));
    assertEquals(-1L, gguf.metadata().get("i16"));
    assertEquals(4294967294L, gguf.metadata().get("u32"));
    assertEquals(-2L, gguf.metadata().get("i32"));
    assertEquals(0.5, gguf.metadata().get("f32"));
    assertEquals(true, gguf.metadata().get("flag"));
    assertEquals("žluť \uD83D\uDE00", gguf.metadata().get("text"));
    assertEquals(List.of(1L, -2L, 3L), gguf.metadata().get("array"));
    assertEquals(4294967297L, gguf.metadata().get("u64"));
    assertEquals(1.0, gguf.metadata().get("f64"));
    assertTrue(gguf.tensors().all().isEmpty());
  }

  /** Each number becomes an object; twelve arrays of 4 million used to exhaust 1 GiB. */
  @Test
  void metadataThatWouldTakeTooMuchMemoryIsRefused() throws IOException {
    boolean[] flags = new boolean[1 << 20];
    GgufBuilder builder = new GgufBuilder();
    for (int i = 0; i < 8; i++) {
      builder.flags("many." + i, flags);
    }
    Path file = file(builder);
    assertRefused(
        () -> GgufFile.open(file),
        "key many.7: expected metadata of at most 256 MiB in memory, got more");
  }

  /** Names of 16 MiB used to be kept, and a million tensors. */
  @Test
  void tensorTablesThatWouldTakeTooMuchMemoryAreRefused() throws IOException {
    assertRefused(
        () -> open(new GgufBuilder().zeros("n".repeat(257), 1)),
        "length of a tensor's name",
        "at most 256, got 257");
    assertEquals(1, open(new GgufBuilder().zeros("n".repeat(256), 1)).tensors().all().size());
    GgufBuilder builder = new GgufBuilder();
    for (int i = 0; i <= 1 << 17; i++) {
      builder.tensorAt("t" + i, 0, 0, 0);
    }
    assertRefused(() -> open(builder), "tensor count", "at most 131072, got 131073");
  }

  @Test
  void stringsLongerThanAChunkAreRead() throws IOException {
    String text = "0123456789".repeat(20_000);
    GgufFile gguf = open(new GgufBuilder().text("a", text).text("b", "after").text("c", text));
    assertEquals(text, gguf.metadata().get("a"));
    assertEquals("after", gguf.metadata().get("b"));
    assertEquals(text, gguf.metadata().get("c"));
  }

  @Test
  void shapesHaveTheirOutermostDimensionFirst() throws IOException {
    GgufFile gguf = open(new GgufBuilder().zeros("w", 3, 5).vector("v", 1, 2, 3));
    assertEquals(List.of(3L, 5L), gguf.tensors().get("w").shape());
    assertEquals(TensorType.F32, gguf.tensors().get("w").type());
    assertArrayEquals(
        new float[] {1, 2, 3}, gguf.tensors().get("v").readVector(RowOrder.AS_STORED));
  }

  @Test
  void otherFilesAndVersionsAreRefused() throws IOException {
    Path text = Files.writeString(directory.resolve("a.gguf"), "not a model, just text");
    assertRefused(() -> GgufFile.open(text), text.toString(), "magic", "not a GGUF file");
    assertRefused(() -> open(new GgufBuilder().version(1)), "version", "2 or 3", "got 1");
    assertRefused(() -> open(new GgufBuilder().version(3 << 24)), "big-endian");
    assertRefused(() -> GgufFile.open(directory.resolve("none.gguf")), "none.gguf", "no such file");
    assertRefused(() -> GgufFile.open(directory), "a regular file", "got a directory");
    assertRefused(
        () -> GgufFile.open(Files.write(directory.resolve("0"), new byte[3])), "more bytes");
  }

  @Test
  void damagedHeadersAreRefused() {
    assertRefused(() -> open(new GgufBuilder().raw("k", 13)), "key k", "0 to 12", "got 13");
    assertRefused(
        () -> open(new GgufBuilder().integer("k", 1).integer("k", 2)), "key k", "got two");
    assertRefused(
        () ->
            open(new GgufBuilder().raw("k", 9, new byte[] {8, 0, 0, 0, -1, -1, -1, 0, 0, 0, 0, 0})),
        "length of array k",
        "16777215");
    assertRefused(
        () -> open(new GgufBuilder().raw("k", 8, new byte[] {-1, -1, -1, -1, -1, -1, -1, -1})),
        "string length");
    assertRefused(() -> open(new GgufBuilder().integer("general.alignment", 24)), "alignment");
  }

  @Test
  void wrongTensorsAreRefused() {
    assertRefused(
        () -> open(new GgufBuilder().tensor("w", 11, new byte[110], 256)),
        "tensor w",
        "Q3_K",
        "Q6_K");
    assertRefused(
        () -> open(new GgufBuilder().tensor("w", 99, new byte[110], 256)), "type number 99");
    assertRefused(
        () -> open(new GgufBuilder().tensor("w", 2, new byte[18], 2, 16)),
        "whole Q4_0 blocks of 32",
        "[2, 16]");
    assertRefused(
        () -> open(new GgufBuilder().zeros("w", 4).zeros("w", 4)), "one tensor of this name");
    assertRefused(
        () -> open(new GgufBuilder().zeros("a", 32).tensorAt("b", 0, 96, 8)),
        "tensor b",
        "an overlap with tensor a");
    assertRefused(
        () -> open(new GgufBuilder().zeros("a", 32).tensorAt("b", 0, 64, 1 << 20, 1 << 20)),
        "tensor b",
        "truncated");
    assertRefused(
        () -> open(new GgufBuilder().zeros("a", 32).tensorAt("b", 0, 65, 4)),
        "a multiple of 32",
        "got 65");
    assertRefused(() -> open(new GgufBuilder().tensorAt("b", 0, 0, -1)), "tensor b", "[-1]");
    assertRefused(
        () -> open(new GgufBuilder().tensorAt("b", 0, 0, 1, 1, 1, 1, 1)), "1 to 4 dimensions");
    assertRefused(
        () -> open(new GgufBuilder().tensorAt("b", 0, 0, 1 << 30, 1 << 30, 1 << 30, 1 << 20)),
        "below 2^63");
  }
}
