package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.export.onnx.Proto;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class OnnxProductsTest {

  /** The example of Protocol Buffers' own page on its encoding, and one of each kind beside it. */
  @Test
  void bytesAreThoseOfTheEncodingsDocumentation() throws IOException {
    Proto inner = new Proto().number(1, 150);
    assertArrayEquals(new byte[] {0x08, (byte) 0x96, 0x01}, bytes(inner));
    assertArrayEquals(
        new byte[] {0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'},
        bytes(new Proto().text(2, "testing")));
    assertArrayEquals(
        new byte[] {0x1a, 0x03, 0x08, (byte) 0x96, 0x01}, bytes(new Proto().message(3, inner)));
    assertArrayEquals(new byte[] {(byte) 0xa0, 0x01, 0x02}, bytes(new Proto().number(20, 2)));
  }

  @Test
  void aModelHasANodeAndItsWeightsForEveryCopy() throws IOException {
    KernelShape.Linear linear = new KernelShape.Linear(16, 256, 128);
    byte[] model = bytes(OnnxProducts.model(linear, 2, 3));
    assertEquals(model.length, OnnxProducts.model(linear, 2, 3).size());
    Map<Integer, List<byte[]>> fields = messages(model);
    assertEquals(2, fields.get(8).size());
    Map<Integer, List<byte[]>> graph = messages(fields.get(7).get(0));

    assertEquals(2, graph.get(1).size());
    Map<Integer, List<byte[]>> node = messages(graph.get(1).get(1));
    assertEquals(List.of("x", "w1", "s1"), texts(node.get(1)));
    assertEquals(List.of("y1"), texts(node.get(2)));
    assertEquals(List.of("MatMulNBits"), texts(node.get(4)));
    assertEquals(List.of("com.microsoft"), texts(node.get(7)));
    List<String> attributes = new ArrayList<>();
    for (byte[] attribute : node.get(5)) {
      attributes.addAll(texts(messages(attribute).get(1)));
    }
    assertEquals(List.of("K", "N", "accuracy_level", "bits", "block_size"), attributes);

    assertEquals(4, graph.get(5).size());
    Map<Integer, List<byte[]>> weights = messages(graph.get(5).get(2));
    assertEquals(List.of("w1"), texts(weights.get(8)));
    assertEquals(16 * 2 * 64, weights.get(9).get(0).length);
    assertEquals(4 * 16 * 2, messages(graph.get(5).get(3)).get(9).get(0).length);
    assertTrue(graph.get(11).size() == 1 && graph.get(12).size() == 2);
  }

  private static byte[] bytes(Proto message) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    message.write(Channels.newChannel(bytes));
    return bytes.toByteArray();
  }

  private static List<String> texts(List<byte[]> values) {
    return values.stream().map(value -> new String(value, StandardCharsets.UTF_8)).toList();
  }

  /** A reader of its own: the fields of wire type 2 by number. */
  private static Map<Integer, List<byte[]>> messages(byte[] message) {
    Map<Integer, List<byte[]>> fields = new LinkedHashMap<>();
    ByteBuffer rest = ByteBuffer.wrap(message);
    while (rest.hasRemaining()) {
      long tag = varint(rest);
      if ((tag & 7) == 0) {
        varint(rest);
      } else {
        assertEquals(2, tag & 7);
        byte[] content = new byte[(int) varint(rest)];
        rest.get(content);
        fields.computeIfAbsent((int) (tag >> 3), number -> new ArrayList<>()).add(content);
      }
    }
    return fields;
  }

  private static long varint(ByteBuffer source) {
    long value = 0;
    int shift = 0;
    long piece;
    do {
      piece = source.get();
      value |= (piece & 0x7f) << shift;
      shift += 7;
    } while (piece < 0);
    return value;
  }
}
