package io.calm.export.gguf;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The key-value pairs of a GGUF file, encoded as they are added. Not thread safe. */
final class GgufMetadata {
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int INT64 = 11;

  private final Map<String, byte[]> pairs = new LinkedHashMap<>();

  /**
   * Adds a pair or replaces it. An integer becomes uint32, int32 if it is negative, or int64 if it
   * fits neither; a list of integers becomes int32; a floating-point number becomes float32. An
   * empty list, whose type is unknown, is left out.
   *
   * @param value a String, Integer, Long, Float, Double, Boolean, or a List of one of these
   */
  GgufMetadata put(String key, Object value) {
    Bytes out = new Bytes();
    if (value instanceof List<?> list) {
      if (list.isEmpty()) {
        return this;
      }
      out.int32(ARRAY).int32(itemType(list)).int64(list.size());
      int type = itemType(list);
      list.forEach(item -> out.value(type, item));
    } else {
      int type = scalarType(value);
      out.int32(type).value(type, value);
    }
    pairs.put(key, out.toByteArray());
    return this;
  }

  private static int scalarType(Object value) {
    if (value instanceof Integer || value instanceof Long) {
      long number = ((Number) value).longValue();
      if (number == (int) number && number < 0) {
        return INT32;
      }
      return number >= 0 && number <= 0xffffffffL ? UINT32 : INT64;
    }
    return otherType(value);
  }

  private static int itemType(List<?> list) {
    Object first = list.get(0);
    if (first instanceof Integer || first instanceof Long) {
      boolean narrow =
          list.stream()
              .mapToLong(item -> ((Number) item).longValue())
              .allMatch(number -> number == (int) number);
      return narrow ? INT32 : INT64;
    }
    return otherType(first);
  }

  private static int otherType(Object value) {
    if (value instanceof Float || value instanceof Double) {
      return FLOAT32;
    }
    if (value instanceof Boolean) {
      return BOOL;
    }
    if (value instanceof String) {
      return STRING;
    }
    throw new IllegalArgumentException("GGUF metadata: no type for " + value.getClass());
  }

  int size() {
    return pairs.size();
  }

  /** Returns the bytes of all pairs. */
  byte[] bytes() {
    Bytes out = new Bytes();
    pairs.forEach(
        (key, value) -> {
          out.text(key);
          out.writeBytes(value);
        });
    return out.toByteArray();
  }

  /** A growing little-endian buffer. */
  static final class Bytes extends ByteArrayOutputStream {
    Bytes int32(int value) {
      writeBytes(buffer(4).putInt(value).array());
      return this;
    }

    Bytes int64(long value) {
      writeBytes(buffer(8).putLong(value).array());
      return this;
    }

    Bytes text(String value) {
      byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
      int64(utf8.length);
      writeBytes(utf8);
      return this;
    }

    private void value(int type, Object value) {
      switch (type) {
        case UINT32, INT32 -> int32((int) ((Number) value).longValue());
        case INT64 -> int64(((Number) value).longValue());
        case FLOAT32 -> int32(Float.floatToRawIntBits(((Number) value).floatValue()));
        case BOOL -> write((Boolean) value ? 1 : 0);
        case STRING -> text((String) value);
        default -> throw new IllegalStateException("type " + type);
      }
    }

    private static ByteBuffer buffer(int size) {
      return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }
  }
}
