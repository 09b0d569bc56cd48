package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.MappedFile;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.checkpoint.storage.TensorType;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * A GGUF file of version 2 or 3, mapped, its header read and every tensor's place checked; no
 * tensor has been read. A file that holds a vocabulary and no tensors is valid. Thread safe.
 */
public final class GgufFile {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int MOST_PAIRS = 1 << 16;
  private static final int MOST_TENSORS = 1 << 20;
  private static final int MOST_DIMENSIONS = 4;
  private static final int SMALLEST_PAIR = 8 + 4 + 1;
  private static final int SMALLEST_TENSOR = 8 + 4 + 4 + 8;
  private static final String DAMAGED = "the file is damaged: download it again";

  private final MappedFile file;
  private final Map<String, Object> metadata;
  private final TensorTable tensors;

  private GgufFile(MappedFile file, Map<String, Object> metadata, TensorTable tensors) {
    this.file = file;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /**
   * Maps a file and reads its header.
   *
   * @throws CheckpointException if it is no GGUF file, is truncated or damaged, or has a tensor of
   *     a type that cannot be read
   */
  public static GgufFile open(Path path) {
    ForeignFiles.requireNone(path);
    MappedFile file = MappedFile.open(path);
    HeaderCursor cursor = new HeaderCursor(file);
    requireVersion(file, cursor);
    int tensorCount = cursor.count("tensor count", MOST_TENSORS, SMALLEST_TENSOR);
    int pairs = cursor.count("key count", MOST_PAIRS, SMALLEST_PAIR);
    Map<String, Object> metadata = new MetadataReader(file, cursor).read(pairs);
    List<Declared> declared = new ArrayList<>();
    for (int i = 0; i < tensorCount; i++) {
      declared.add(declared(file, cursor));
    }
    long alignment = alignment(file, metadata);
    long data = (cursor.position() + alignment - 1) / alignment * alignment;
    List<StoredTensor> tensors = new ArrayList<>();
    for (Declared tensor : declared) {
      tensors.add(tensor.place(file, data, alignment));
    }
    return new GgufFile(file, metadata, TensorTable.of(path.toString(), tensors));
  }

  private static void requireVersion(MappedFile file, HeaderCursor cursor) {
    int magic = cursor.int32();
    if (magic != MAGIC) {
      throw CheckpointException.refused(
          file + ": magic",
          "GGUF",
          "0x%08x".formatted(Integer.reverseBytes(magic)),
          "this is no GGUF file");
    }
    int version = cursor.int32();
    if (version != 2 && version != 3) {
      boolean bigEndian = version == 2 << 24 || version == 3 << 24;
      throw CheckpointException.refused(
          file + ": version",
          "2 or 3",
          bigEndian ? "a big-endian file" : Integer.toUnsignedString(version),
          "convert the model again with a current llama.cpp");
    }
  }

  private static long alignment(MappedFile file, Map<String, Object> metadata) {
    Object value = metadata.getOrDefault("general.alignment", 32L);
    if (value instanceof Long alignment
        && alignment > 0
        && alignment <= 1 << 20
        && Long.bitCount(alignment) == 1) {
      return alignment;
    }
    throw CheckpointException.refused(
        file + ": key general.alignment", "a power of two up to 2^20", value, DAMAGED);
  }

  private static Declared declared(MappedFile file, HeaderCursor cursor) {
    String name = cursor.string();
    String where = "%s: tensor %s".formatted(file, Printable.of(name));
    long dimensions = cursor.uint32();
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw CheckpointException.refused(
          where, "1 to %d dimensions".formatted(MOST_DIMENSIONS), dimensions, DAMAGED);
    }
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < dimensions; i++) {
      shape.add(cursor.int64());
    }
    Collections.reverse(shape);
    long type = cursor.uint32();
    TensorType known =
        GgmlTypes.of(type)
            .orElseThrow(
                () ->
                    CheckpointException.refused(
                        where,
                        "a type that can be read",
                        GgmlTypes.name(type),
                        GgmlTypes.SUPPORTED));
    return new Declared(name, known, shape, cursor.int64());
  }

  /** Returns the key-value pairs: String, Long, Double, Boolean, or a List of them. */
  public Map<String, Object> metadata() {
    return metadata;
  }

  /** Returns the tensors; shapes have their outermost dimension first, as [out, in]. */
  public TensorTable tensors() {
    return tensors;
  }

  public Path path() {
    return file.path();
  }

  /** A tensor of the header; its offset counts from the start of the data. */
  private record Declared(String name, TensorType type, List<Long> shape, long offset) {

    StoredTensor place(MappedFile file, long data, long alignment) {
      if (offset < 0 || offset % alignment != 0 || offset > file.size()) {
        throw CheckpointException.refused(
            "%s: tensor %s".formatted(file, Printable.of(name)),
            "an offset inside the file, a multiple of " + alignment,
            Long.toUnsignedString(offset),
            "the file is truncated or damaged: download it again");
      }
      return new StoredTensor(file, name, type, shape, data + offset);
    }
  }
}
