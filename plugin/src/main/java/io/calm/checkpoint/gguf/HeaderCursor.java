package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.CheckpointFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads a GGUF header sequentially. Checks every length before allocating memory for it. */
final class HeaderCursor {
  private static final int CHUNK = 1 << 16;
  private static final int MAX_STRING_BYTES = 1 << 24;

  private final CheckpointFile file;
  private final byte[] bytes = new byte[CHUNK];
  private final ByteBuffer chunk = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  private long chunkStart;

  HeaderCursor(CheckpointFile file) {
    this.file = file;
    chunk.limit(0);
  }

  long position() {
    return chunkStart + chunk.position();
  }

  long remaining() {
    return file.size() - position();
  }

  private ByteBuffer need(int count) {
    if (chunk.remaining() < count) {
      long at = position();
      if (count > remaining()) {
        throw truncated(count);
      }
      int length = (int) Math.min(CHUNK, file.size() - at);
      file.read(at, bytes, length);
      chunkStart = at;
      chunk.limit(length).position(0);
    }
    return chunk;
  }

  private CheckpointException truncated(long count) {
    return CheckpointException.refused(
        "%s: header at byte %d".formatted(file, position()),
        count + " more bytes",
        remaining(),
        "the file is truncated or damaged: download it again");
  }

  int uint8() {
    return need(1).get() & 0xff;
  }

  int int8() {
    return need(1).get();
  }

  int uint16() {
    return need(2).getShort() & 0xffff;
  }

  int int16() {
    return need(2).getShort();
  }

  long uint32() {
    return need(4).getInt() & 0xffffffffL;
  }

  int int32() {
    return need(4).getInt();
  }

  long int64() {
    return need(8).getLong();
  }

  double float32() {
    return need(4).getFloat();
  }

  double float64() {
    return need(8).getDouble();
  }

  /** Reads a string: its length in bytes as uint64, then UTF-8. */
  String string() {
    return string("string length", MAX_STRING_BYTES);
  }

  /**
   * Reads a string of limited length.
   *
   * @param what name of its length, for error messages
   * @param maxBytes maximum length in bytes
   */
  String string(String what, int maxBytes) {
    int length = count(what, maxBytes, 1);
    if (length <= CHUNK) {
      ByteBuffer source = need(length);
      String text = new String(bytes, source.position(), length, StandardCharsets.UTF_8);
      source.position(source.position() + length);
      return text;
    }
    byte[] text = new byte[length];
    file.read(position(), text, length);
    skip(length);
    return new String(text, StandardCharsets.UTF_8);
  }

  private void skip(int count) {
    chunkStart = position() + count;
    chunk.limit(0);
  }

  /**
   * Reads a uint64 count of items, which must fit into the rest of the file.
   *
   * @param what name of the count, for error messages
   * @param max maximum count
   * @param minItemBytes minimum size of an item in bytes
   */
  int count(String what, int max, int minItemBytes) {
    long at = position();
    long count = int64();
    if (count < 0 || count > max || count > remaining() / minItemBytes) {
      throw CheckpointException.refused(
          "%s: %s at byte %d".formatted(file, what, at),
          "at most %d".formatted(Math.min(max, remaining() / minItemBytes)),
          Long.toUnsignedString(count),
          "the file is truncated or damaged: download it again");
    }
    return (int) count;
  }
}
