package io.calm.bench;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** Writes GGUF files of version 3, one tensor at a time. Not thread safe. */
final class GgufWriter {
  private static final int ALIGNMENT = 32;
  private static final int VERSION = 3;
  private static final int SMALL = 1 << 10;

  private final List<ByteBuffer> pairs = new ArrayList<>();
  private final List<Tensor> tensors = new ArrayList<>();

  /** ggml's numbers of the value types used here. */
  private enum Value {
    UINT32(4),
    INT32(5),
    FLOAT32(6),
    STRING(8),
    ARRAY(9);

    final int number;

    Value(int number) {
      this.number = number;
    }
  }

  /** ggml's types of tensors used here. */
  enum Type {
    F32(0, 1, 4),
    Q4_0(2, 32, 18);

    final int number;
    private final int block;
    private final int blockBytes;

    Type(int number, int block, int blockBytes) {
      this.number = number;
      this.block = block;
      this.blockBytes = blockBytes;
    }

    long bytes(long elements) {
      return elements / block * blockBytes;
    }
  }

  /**
   * A tensor to be written.
   *
   * @param shape outermost dimension first
   * @param content called when the tensor is written; returns as many bytes as the shape needs
   */
  private record Tensor(String name, Type type, List<Integer> shape, Supplier<ByteBuffer> content) {
    long bytes() {
      return type.bytes(shape.stream().mapToLong(Integer::longValue).reduce(1, (a, b) -> a * b));
    }
  }

  GgufWriter integer(String key, int value) {
    return pair(key, Value.UINT32, buffer(4).putInt(value));
  }

  GgufWriter number(String key, float value) {
    return pair(key, Value.FLOAT32, buffer(4).putFloat(value));
  }

  GgufWriter text(String key, String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    return pair(key, Value.STRING, string(buffer(8 + utf8.length), utf8));
  }

  GgufWriter texts(String key, List<String> values) {
    ByteArrayOutputStream content = new ByteArrayOutputStream();
    for (String value : values) {
      byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
      content.writeBytes(string(buffer(8 + utf8.length), utf8).array());
    }
    return array(key, Value.STRING, values.size(), ByteBuffer.wrap(content.toByteArray()));
  }

  GgufWriter numbers(String key, float[] values) {
    ByteBuffer content = buffer(4 * values.length);
    content.asFloatBuffer().put(values);
    return array(key, Value.FLOAT32, values.length, content);
  }

  GgufWriter integers(String key, int[] values) {
    ByteBuffer content = buffer(4 * values.length);
    content.asIntBuffer().put(values);
    return array(key, Value.INT32, values.length, content);
  }

  private GgufWriter array(String key, Value type, int count, ByteBuffer content) {
    return pair(
        key,
        Value.ARRAY,
        buffer(12 + content.capacity())
            .putInt(type.number)
            .putLong(count)
            .put(content.duplicate().clear()));
  }

  private GgufWriter pair(String key, Value type, ByteBuffer value) {
    byte[] name = key.getBytes(StandardCharsets.UTF_8);
    pairs.add(
        string(buffer(12 + name.length + value.capacity()), name)
            .putInt(type.number)
            .put(value.clear())
            .flip());
    return this;
  }

  GgufWriter tensor(String name, Type type, List<Integer> shape, Supplier<ByteBuffer> content) {
    tensors.add(new Tensor(name, type, shape, content));
    return this;
  }

  /** Writes the file and replaces an existing one. */
  void write(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.WRITE,
            StandardOpenOption.TRUNCATE_EXISTING)) {
      ByteBuffer start =
          buffer(24)
              .put("GGUF".getBytes(StandardCharsets.US_ASCII))
              .putInt(VERSION)
              .putLong(tensors.size())
              .putLong(pairs.size());
      writeAll(channel, start.flip());
      for (ByteBuffer pair : pairs) {
        writeAll(channel, pair.duplicate());
      }
      long offset = 0;
      for (Tensor tensor : tensors) {
        writeAll(channel, header(tensor, offset));
        offset = aligned(offset + tensor.bytes());
      }
      align(channel);
      for (Tensor tensor : tensors) {
        writeAll(channel, content(tensor));
        align(channel);
      }
    }
  }

  private static ByteBuffer header(Tensor tensor, long offset) {
    ByteBuffer header = buffer(SMALL);
    string(header, tensor.name().getBytes(StandardCharsets.UTF_8)).putInt(tensor.shape().size());
    for (int i = tensor.shape().size() - 1; i >= 0; i--) {
      header.putLong(tensor.shape().get(i));
    }
    return header.putInt(tensor.type().number).putLong(offset).flip();
  }

  private static ByteBuffer content(Tensor tensor) {
    ByteBuffer content = tensor.content().get().duplicate();
    if (content.remaining() != tensor.bytes()) {
      throw new IllegalArgumentException(
          "tensor %s: expected %d bytes, got %d"
              .formatted(tensor.name(), tensor.bytes(), content.remaining()));
    }
    return content;
  }

  private static void align(FileChannel channel) throws IOException {
    writeAll(channel, buffer((int) (aligned(channel.position()) - channel.position())));
  }

  private static long aligned(long position) {
    return (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void writeAll(FileChannel channel, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static ByteBuffer string(ByteBuffer target, byte[] utf8) {
    return target.putLong(utf8.length).put(utf8);
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
