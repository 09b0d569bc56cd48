package io.calm.checkpoint.gguf;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Writes small GGUF files, right and wrong ones. */
public final class GgufBuilder {
  private static final int ALIGNMENT = 32;

  private final List<Pair> pairs = new ArrayList<>();
  private final ByteArrayOutputStream data = new ByteArrayOutputStream();
  private final List<byte[]> tensors = new ArrayList<>();
  private int version = 3;

  public GgufBuilder version(int number) {
    version = number;
    return this;
  }

  private GgufBuilder pair(String key, int type, ByteBuffer value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    string(bytes, key);
    bytes(bytes, buffer(4).putInt(type));
    bytes(bytes, value);
    pairs.add(new Pair(key, bytes));
    return this;
  }

  /** Removes a key. */
  public GgufBuilder without(String key) {
    pairs.removeIf(pair -> pair.key().equals(key));
    return this;
  }

  private record Pair(String key, ByteArrayOutputStream bytes) {}

  public GgufBuilder integer(String key, long value) {
    return pair(key, 4, buffer(4).putInt((int) value));
  }

  public GgufBuilder number(String key, double value) {
    return pair(key, 6, buffer(4).putFloat((float) value));
  }

  public GgufBuilder text(String key, String value) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    string(bytes, value);
    return pair(key, 8, full(bytes));
  }

  public GgufBuilder flags(String key, boolean... values) {
    ByteBuffer buffer = buffer(12 + values.length).putInt(7).putLong(values.length);
    for (boolean value : values) {
      buffer.put((byte) (value ? 1 : 0));
    }
    return pair(key, 9, buffer);
  }

  public GgufBuilder integers(String key, int... values) {
    ByteBuffer buffer = buffer(12 + 4 * values.length).putInt(5).putLong(values.length);
    for (int value : values) {
      buffer.putInt(value);
    }
    return pair(key, 9, buffer);
  }

  /** Adds a value of any type, as raw bytes. */
  public GgufBuilder raw(String key, int type, byte... value) {
    return pair(key, type, full(value));
  }

  /** Adds an F32 tensor of zeros; {@code shape} has its outermost dimension first. */
  public GgufBuilder zeros(String name, int... shape) {
    int elements = 1;
    for (int n : shape) {
      elements *= n;
    }
    return tensor(name, 0, new byte[4 * elements], shape);
  }

  /** Adds an F32 vector. */
  public GgufBuilder vector(String name, float... values) {
    byte[] content = new byte[4 * values.length];
    ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().put(values);
    return tensor(name, 0, content, values.length);
  }

  /** Adds a tensor of ggml type {@code type} at the next aligned offset. */
  public GgufBuilder tensor(String name, int type, byte[] content, int... shape) {
    tensorAt(name, type, data.size(), shape);
    bytes(data, full(content));
    data.writeBytes(new byte[(ALIGNMENT - data.size() % ALIGNMENT) % ALIGNMENT]);
    return this;
  }

  /** Declares a tensor at any offset, without content. */
  public GgufBuilder tensorAt(String name, int type, long offset, int... shape) {
    ByteArrayOutputStream info = new ByteArrayOutputStream();
    string(info, name);
    ByteBuffer rest = buffer(4 + 8 * shape.length + 12).putInt(shape.length);
    for (int i = shape.length - 1; i >= 0; i--) {
      rest.putLong(shape[i]);
    }
    bytes(info, rest.putInt(type).putLong(offset));
    tensors.add(info.toByteArray());
    return this;
  }

  public byte[] build() {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    bytes(
        file,
        buffer(24)
            .put("GGUF".getBytes(StandardCharsets.US_ASCII))
            .putInt(version)
            .putLong(tensors.size())
            .putLong(pairs.size()));
    pairs.forEach(pair -> file.writeBytes(pair.bytes().toByteArray()));
    tensors.forEach(file::writeBytes);
    file.writeBytes(new byte[(ALIGNMENT - file.size() % ALIGNMENT) % ALIGNMENT]);
    file.writeBytes(data.toByteArray());
    return file.toByteArray();
  }

  public Path write(Path path) throws IOException {
    return Files.write(path, build());
  }

  /** Adds the metadata and tensors of a one-block model without biases: D 8, F 12, V 10. */
  public GgufBuilder model(String architecture) {
    return metadata(architecture).weights();
  }

  public GgufBuilder metadata(String architecture) {
    return metadata(architecture, 8);
  }

  private GgufBuilder metadata(String architecture, int hidden) {
    return text("general.architecture", architecture)
        .integer(architecture + ".block_count", 1)
        .integer(architecture + ".context_length", 64)
        .integer(architecture + ".embedding_length", hidden)
        .integer(architecture + ".feed_forward_length", 12)
        .integer(architecture + ".attention.head_count", 2)
        .integer(architecture + ".attention.head_count_kv", 1)
        .number(architecture + ".attention.layer_norm_rms_epsilon", 1e-5);
  }

  public GgufBuilder weights() {
    return zeros("token_embd.weight", 10, 8)
        .zeros("output_norm.weight", 8)
        .zeros("blk.0.attn_norm.weight", 8)
        .zeros("blk.0.ffn_norm.weight", 8)
        .zeros("blk.0.attn_q.weight", 8, 8)
        .zeros("blk.0.attn_k.weight", 4, 8)
        .zeros("blk.0.attn_v.weight", 4, 8)
        .zeros("blk.0.attn_output.weight", 8, 8)
        .zeros("blk.0.ffn_gate.weight", 12, 8)
        .zeros("blk.0.ffn_up.weight", 12, 8)
        .zeros("blk.0.ffn_down.weight", 8, 12);
  }

  /** Adds a one-block model of D 32 whose three rows of embeddings have ggml type {@code type}. */
  public GgufBuilder wide(int type, byte[] embeddings) {
    return metadata("llama", 32)
        .tensor("token_embd.weight", type, embeddings, 3, 32)
        .zeros("output_norm.weight", 32)
        .zeros("blk.0.attn_norm.weight", 32)
        .zeros("blk.0.ffn_norm.weight", 32)
        .zeros("blk.0.attn_q.weight", 32, 32)
        .zeros("blk.0.attn_k.weight", 16, 32)
        .zeros("blk.0.attn_v.weight", 16, 32)
        .zeros("blk.0.attn_output.weight", 32, 32)
        .zeros("blk.0.ffn_gate.weight", 12, 32)
        .zeros("blk.0.ffn_up.weight", 12, 32)
        .zeros("blk.0.ffn_down.weight", 32, 12);
  }

  private static ByteBuffer buffer(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static ByteBuffer full(ByteArrayOutputStream stream) {
    return full(stream.toByteArray());
  }

  private static ByteBuffer full(byte[] content) {
    ByteBuffer buffer = ByteBuffer.wrap(content);
    return buffer.position(content.length);
  }

  private static void string(ByteArrayOutputStream target, String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    bytes(target, buffer(8).putLong(utf8.length));
    target.writeBytes(utf8);
  }

  private static void bytes(ByteArrayOutputStream target, ByteBuffer buffer) {
    byte[] copy = new byte[buffer.flip().remaining()];
    buffer.get(copy);
    target.writeBytes(copy);
  }
}
