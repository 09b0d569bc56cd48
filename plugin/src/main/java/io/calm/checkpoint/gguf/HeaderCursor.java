package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.MappedFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads a GGUF header front to back; every length is checked before memory is taken for it. */
final class HeaderCursor {
  private static final int CHUNK = 1 << 16;
  private static final int LONGEST_STRING = 1 << 24;

  private final MappedFile file;
  private final byte[] bytes = new byte[CHUNK];
  private final ByteBuffer chunk = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  private long chunkStart;

  HeaderCursor(MappedFile file) {
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

  /** Reads a string: its length as uint64, then UTF-8. */
  String string() {
    int length = count("string length", LONGEST_STRING, 1);
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
   * Reads a uint64 that counts things of at least {@code itemBytes} bytes, all of which must fit
   * into the rest of the file.
   */
  int count(String what, int most, int itemBytes) {
    long at = position();
    long count = int64();
    if (count < 0 || count > most || count > remaining() / itemBytes) {
      throw CheckpointException.refused(
          "%s: %s at byte %d".formatted(file, what, at),
          "at most %d".formatted(Math.min(most, remaining() / itemBytes)),
          Long.toUnsignedString(count),
          "the file is truncated or damaged: download it again");
    }
    return (int) count;
  }
}
