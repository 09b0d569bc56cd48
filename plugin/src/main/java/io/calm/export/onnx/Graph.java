package io.calm.export.onnx;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Builds an ONNX graph. Nodes are added in topological order, because each takes the names of
 * values that exist. Small constants are part of the graph and shared; large ones go to {@link
 * ExternalData}.
 *
 * <p>Field numbers are those of onnx.proto. Not thread safe.
 */
final class Graph {
  private static final int EXTERNAL = 1;
  private static final int MAX_INLINE = 1024;

  private final Opset opset;
  private final ExternalData data;
  private final Proto message = new Proto();
  private final List<Proto> inputs = new ArrayList<>();
  private final List<Proto> outputs = new ArrayList<>();
  private final Map<List<Object>, String> constants = new HashMap<>();
  private final Map<String, Integer> names = new HashMap<>();
  private String scope = "";

  /**
   * @param data receives the large constants
   */
  Graph(Opset opset, ExternalData data) {
    this.opset = opset;
    this.data = data;
  }

  Opset opset() {
    return opset;
  }

  /** Sets the prefix of the names of the nodes to come, e.g. {@code block.3}. */
  void scope(String prefix) {
    scope = prefix.isEmpty() ? "" : prefix + "/";
  }

  /** Adds a node and returns the name of its only output. */
  String node(String operation, List<String> inputs, Attribute... attributes) {
    String name = unique(scope + operation);
    add(operation, name, inputs, name, attributes);
    return name;
  }

  private String unique(String base) {
    return base + "." + names.merge(base, 1, Integer::sum);
  }

  private void add(
      String operation, String name, List<String> inputs, String output, Attribute... attributes) {
    Proto node = new Proto();
    inputs.forEach(input -> node.text(1, input));
    node.text(2, output).text(3, name).text(4, operation);
    for (Attribute attribute : attributes) {
      node.message(5, attribute.message());
    }
    message.message(1, node);
  }

  /** Adds an input. A dimension is a number, or a name if it is chosen at run time. */
  String input(String name, OnnxType type, Object... shape) {
    inputs.add(new Proto().message(11, valueInfo(name, type, shape)));
    return name;
  }

  /** Makes the value {@code from} an output with the name {@code name}, after all others. */
  void output(String name, String from, OnnxType type, Object... shape) {
    add("Identity", name + ".output", List.of(from), name);
    outputs.add(new Proto().message(12, valueInfo(name, type, shape)));
  }

  /** Does the same, before all other outputs. */
  void firstOutput(String name, String from, OnnxType type, Object... shape) {
    output(name, from, type, shape);
    Collections.rotate(outputs, 1);
  }

  private static Proto valueInfo(String name, OnnxType type, Object... shape) {
    Proto dimensions = new Proto();
    for (Object dimension : shape) {
      dimensions.message(
          1,
          dimension instanceof Number number
              ? new Proto().number(1, number.longValue())
              : new Proto().text(2, dimension.toString()));
    }
    Proto tensor = new Proto().number(1, type.number()).message(2, dimensions);
    return new Proto().text(1, name).message(2, new Proto().message(1, tensor));
  }

  /** Returns a float32 scalar. */
  String scalar(float value) {
    ByteBuffer content = little(Float.BYTES).putFloat(value).flip();
    return shared(OnnxType.FLOAT, content);
  }

  /** Returns a float64 scalar. */
  String scalar(double value) {
    ByteBuffer content = little(Double.BYTES).putDouble(value).flip();
    return shared(OnnxType.DOUBLE, content);
  }

  /** Returns an int64 scalar. */
  String index(long value) {
    return shared(OnnxType.INT64, little(Long.BYTES).putLong(value).flip());
  }

  /** Returns an int32 scalar. */
  String integer(int value) {
    return shared(OnnxType.INT32, little(Integer.BYTES).putInt(value).flip());
  }

  /** Returns an int64 vector, e.g. a shape. */
  String indices(long... values) {
    ByteBuffer content = little(Long.BYTES * values.length);
    for (long value : values) {
      content.putLong(value);
    }
    return shared(OnnxType.INT64, content.flip(), values.length);
  }

  private String shared(OnnxType type, ByteBuffer content, long... shape) {
    List<Object> key = List.of(type, Arrays.toString(shape), content);
    return constants.computeIfAbsent(
        key,
        k -> {
          String name = unique("constant");
          message.message(5, tensor(name, type, shape).bytes(9, content));
          return name;
        });
  }

  /** Adds a float32 constant. */
  String floats(String name, float[] values, long... shape) {
    return tensor(
        name,
        OnnxType.FLOAT,
        sink -> {
          ByteBuffer content = little(Float.BYTES * values.length);
          content.asFloatBuffer().put(values);
          sink.put(content);
        },
        shape);
  }

  /** Adds a constant that is written in pieces, in the order of its rows. */
  String tensor(String name, OnnxType type, ExternalData.Content content, long... shape) {
    long elements = 1;
    for (long dimension : shape) {
      elements = Math.multiplyExact(elements, dimension);
    }
    String unique = scope + name;
    Proto tensor = tensor(unique, type, shape);
    long length = type.bytes(elements);
    try {
      if (length <= MAX_INLINE) {
        ByteBuffer inline = little(Math.toIntExact(length));
        content.writeTo(inline::put);
        tensor.bytes(9, inline.flip());
      } else {
        long offset = data.append(content, length);
        tensor
            .message(13, entry("location", data.name()))
            .message(13, entry("offset", Long.toString(offset)))
            .message(13, entry("length", Long.toString(length)))
            .number(14, EXTERNAL);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    message.message(5, tensor);
    return unique;
  }

  private static Proto tensor(String name, OnnxType type, long... shape) {
    Proto tensor = new Proto();
    for (long dimension : shape) {
      tensor.number(1, dimension);
    }
    return tensor.number(2, type.number()).text(8, name);
  }

  private static Proto entry(String key, String value) {
    return new Proto().text(1, key).text(2, value);
  }

  static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Returns the whole model.
   *
   * @param metadata values by key
   */
  Proto model(Map<String, String> metadata) {
    Proto graph = new Proto().append(message).text(2, "calm");
    inputs.forEach(graph::append);
    outputs.forEach(graph::append);
    Proto model =
        new Proto()
            .number(1, opset.irVersion())
            .text(2, "calm")
            .message(7, graph)
            .message(8, new Proto().text(1, "").number(2, opset.version()));
    metadata.forEach((key, value) -> model.message(14, entry(key, value)));
    return model;
  }
}
