package io.calm.bench;

import io.calm.bench.KernelShape.Linear;
import io.calm.export.onnx.Proto;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;

/**
 * Writes ONNX models of W4A8 products: nodes {@code com.microsoft.MatMulNBits} with int8
 * computation ({@code accuracy_level} 4), random weights, one shared input, and one output per
 * node.
 *
 * <p>Field numbers are those of onnx.proto.
 */
final class OnnxProducts {
  static final String INPUT = "x";

  private static final int IR_VERSION = 8;
  private static final int OPSET = 17;
  private static final String DOMAIN = "com.microsoft";
  private static final int FLOAT = 1;
  private static final int UINT8 = 2;
  private static final int ATTRIBUTE_INT = 2;
  private static final int BITS = 4;
  private static final int INT8_COMPUTATION = 4;

  private OnnxProducts() {}

  /**
   * Writes a model.
   *
   * @param copies number of nodes, each with its own weights
   * @param rows rows of the input
   */
  static void write(Path file, Linear linear, int copies, int rows) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      model(linear, copies, rows).write(channel);
    }
  }

  static Proto model(Linear linear, int copies, int rows) {
    return new Proto()
        .number(1, IR_VERSION)
        .text(2, "calm")
        .message(7, graph(linear, copies, rows))
        .message(8, new Proto().text(1, "").number(2, OPSET))
        .message(8, new Proto().text(1, DOMAIN).number(2, 1));
  }

  private static Proto graph(Linear linear, int copies, int rows) {
    SplittableRandom random = new SplittableRandom(6);
    Proto graph = new Proto();
    for (int copy = 0; copy < copies; copy++) {
      graph.message(1, node(linear, copy));
    }
    graph.text(2, "products");
    long blocks = linear.inputs() / linear.group();
    ByteBuffer scales = scales(linear, blocks);
    for (int copy = 0; copy < copies; copy++) {
      long blob = (long) linear.group() * BITS / 8;
      ByteBuffer codes = RandomBytes.direct(linear.outputs() * blocks * blob, random);
      graph.message(5, tensor("w" + copy, UINT8, codes, linear.outputs(), blocks, blob));
      graph.message(5, tensor("s" + copy, FLOAT, scales, linear.outputs() * blocks));
    }
    graph.message(11, value(INPUT, rows, linear.inputs()));
    for (int copy = 0; copy < copies; copy++) {
      graph.message(12, value("y" + copy, rows, linear.outputs()));
    }
    return graph;
  }

  private static ByteBuffer scales(Linear linear, long blocks) {
    int count = Math.toIntExact(linear.outputs() * blocks);
    ByteBuffer scales = ByteBuffer.allocate(Float.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
    while (scales.hasRemaining()) {
      scales.putFloat(1f / linear.inputs());
    }
    return scales.flip();
  }

  private static Proto node(Linear linear, int copy) {
    return new Proto()
        .text(1, INPUT)
        .text(1, "w" + copy)
        .text(1, "s" + copy)
        .text(2, "y" + copy)
        .text(3, "product" + copy)
        .text(4, "MatMulNBits")
        .message(5, attribute("K", linear.inputs()))
        .message(5, attribute("N", linear.outputs()))
        .message(5, attribute("accuracy_level", INT8_COMPUTATION))
        .message(5, attribute("bits", BITS))
        .message(5, attribute("block_size", linear.group()))
        .text(7, DOMAIN);
  }

  private static Proto attribute(String name, int value) {
    return new Proto().text(1, name).number(3, value).number(20, ATTRIBUTE_INT);
  }

  private static Proto tensor(String name, int type, ByteBuffer content, long... shape) {
    Proto tensor = new Proto();
    for (long dimension : shape) {
      tensor.number(1, dimension);
    }
    return tensor.number(2, type).text(8, name).bytes(9, content);
  }

  private static Proto value(String name, int rows, int width) {
    Proto shape =
        new Proto()
            .message(1, new Proto().number(1, rows))
            .message(1, new Proto().number(1, width));
    Proto tensorType = new Proto().number(1, FLOAT).message(2, shape);
    return new Proto().text(1, name).message(2, new Proto().message(1, tensorType));
  }
}
