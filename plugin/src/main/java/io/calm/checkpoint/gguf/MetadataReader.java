package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads GGUF key-value pairs. Integers become Long, floats Double, arrays List. All values together
 * may take {@link #MAX_MEMORY} bytes of memory.
 */
final class MetadataReader {
  /**
   * Several times what the largest vocabularies take: 262,144 tokens with their scores and types,
   * and as many merges.
   */
  static final long MAX_MEMORY = 256L << 20;

  /** Estimated memory of a value in a list, and of a string beside its characters. */
  private static final int VALUE_BYTES = 32;

  private static final int STRING_BYTES = 64;
  private static final int ARRAY = 9;
  private static final int MAX_ITEMS = 1 << 22;
  private static final int MAX_ARRAY_DEPTH = 4;

  /** Minimum size in bytes of a value, by type number. */
  private static final int[] MIN_BYTES = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};

  private final CheckpointFile file;
  private final HeaderCursor cursor;
  private long memory;

  MetadataReader(CheckpointFile file, HeaderCursor cursor) {
    this.file = file;
    this.cursor = cursor;
  }

  Map<String, Object> read(int pairs) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    for (int i = 0; i < pairs; i++) {
      String key = cursor.string();
      charge(key, STRING_BYTES + 2L * key.length());
      Object value = value(key, type(key), 0);
      if (metadata.put(key, value) != null) {
        throw CheckpointException.refused(
            file + ": key " + Printable.of(key),
            "one value",
            "two",
            "the file is damaged: download it again");
      }
    }
    return Collections.unmodifiableMap(metadata);
  }

  private int type(String key) {
    long type = cursor.uint32();
    if (type >= MIN_BYTES.length) {
      throw CheckpointException.refused(
          "%s: key %s".formatted(file, Printable.of(key)),
          "a value type of 0 to 12",
          type,
          "the file is damaged or newer than GGUF version 3");
    }
    return (int) type;
  }

  private Object value(String key, int type, int depth) {
    Object value = read(key, type, depth);
    charge(key, value instanceof String text ? STRING_BYTES + 2L * text.length() : VALUE_BYTES);
    return value;
  }

  private void charge(String key, long bytes) {
    memory += bytes;
    if (memory > MAX_MEMORY) {
      throw CheckpointException.refused(
          "%s: key %s".formatted(file, Printable.of(key)),
          "metadata of at most %d MiB in memory".formatted(MAX_MEMORY >> 20),
          "more",
          "the file is damaged: download it again");
    }
  }

  private Object read(String key, int type, int depth) {
    return switch (type) {
      case 0 -> (long) cursor.uint8();
      case 1 -> (long) cursor.int8();
      case 2 -> (long) cursor.uint16();
      case 3 -> (long) cursor.int16();
      case 4 -> cursor.uint32();
      case 5 -> (long) cursor.int32();
      case 6 -> cursor.float32();
      case 7 -> cursor.uint8() != 0;
      case 8 -> cursor.string();
      case ARRAY -> array(key, depth + 1);
      case 10, 11 -> cursor.int64();
      case 12 -> cursor.float64();
      default -> throw new IllegalStateException("type " + type);
    };
  }

  private List<Object> array(String key, int depth) {
    if (depth > MAX_ARRAY_DEPTH) {
      throw CheckpointException.refused(
          "%s: key %s".formatted(file, Printable.of(key)),
          "arrays nested at most " + MAX_ARRAY_DEPTH + " deep",
          "more",
          "the file is damaged: download it again");
    }
    int type = type(key);
    int count = cursor.count("length of array " + Printable.of(key), MAX_ITEMS, MIN_BYTES[type]);
    charge(key, 4L * count);
    List<Object> items = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      items.add(value(key, type, depth));
    }
    return Collections.unmodifiableList(items);
  }
}
