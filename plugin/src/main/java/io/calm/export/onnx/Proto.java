package io.calm.export.onnx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Builds a Protocol Buffers message. Fields are written in the order of their addition. Content is
 * kept by reference and not copied.
 */
public final class Proto {
  private static final int VARINT = 0;
  private static final int LENGTH = 2;
  private static final int LONGEST_VARINT = 10;

  private final List<ByteBuffer> parts = new ArrayList<>();

  /** Adds a field of type int32, int64 or an enumeration. */
  public Proto number(int field, long value) {
    ByteBuffer part = ByteBuffer.allocate(2 * LONGEST_VARINT);
    varint(part, ((long) field << 3) | VARINT);
    varint(part, value);
    parts.add(part.flip());
    return this;
  }

  /** Adds a field of type string. */
  public Proto text(int field, String value) {
    return bytes(field, ByteBuffer.wrap(value.getBytes(StandardCharsets.UTF_8)));
  }

  /** Adds a field of type bytes; the content is not copied. */
  public Proto bytes(int field, ByteBuffer content) {
    length(field, content.remaining());
    parts.add(content.duplicate());
    return this;
  }

  /** Adds a message as a field. */
  public Proto message(int field, Proto message) {
    length(field, message.size());
    parts.addAll(message.parts);
    return this;
  }

  /** Adds the fields of another message. */
  public Proto append(Proto other) {
    parts.addAll(other.parts);
    return this;
  }

  private void length(int field, long size) {
    ByteBuffer part = ByteBuffer.allocate(2 * LONGEST_VARINT);
    varint(part, ((long) field << 3) | LENGTH);
    varint(part, size);
    parts.add(part.flip());
  }

  private static void varint(ByteBuffer target, long value) {
    long rest = value;
    while ((rest & ~0x7fL) != 0) {
      target.put((byte) ((rest & 0x7f) | 0x80));
      rest >>>= 7;
    }
    target.put((byte) rest);
  }

  /** Returns the encoded size in bytes. */
  public long size() {
    return parts.stream().mapToLong(ByteBuffer::remaining).sum();
  }

  /** Writes the message. */
  public void write(WritableByteChannel target) throws IOException {
    for (ByteBuffer part : parts) {
      ByteBuffer rest = part.duplicate();
      while (rest.hasRemaining()) {
        target.write(rest);
      }
    }
  }
}
