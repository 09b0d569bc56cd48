package io.calm.checkpoint.gguf;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.checkpoint.storage.TensorType;
import io.calm.files.FileStamp;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * A GGUF file of version 2 or 3. Opening it reads the header and checks the position of every
 * tensor; no tensor is read. A file with a vocabulary and no tensors is valid. Thread safe.
 */
public final class GgufFile {
  private static final int MAGIC = 0x46554747; // "GGUF"
  private static final int MAX_PAIRS = 1 << 16;
  private static final int MAX_TENSORS = 1 << 17;
  private static final int MAX_NAME_BYTES = 256; // llama.cpp has 64
  private static final int MAX_DIMENSIONS = 4;
  private static final int MIN_PAIR_BYTES = 8 + 4 + 1;
  private static final int MIN_TENSOR_BYTES = 8 + 4 + 4 + 8;
  private static final String DAMAGED = "the file is damaged: download it again";

  private final CheckpointFile file;
  private final Map<String, Object> metadata;
  private final TensorTable tensors;

  private GgufFile(CheckpointFile file, Map<String, Object> metadata, TensorTable tensors) {
    this.file = file;
    this.metadata = metadata;
    this.tensors = tensors;
  }

  /**
   * Opens a file and reads its header.
   *
   * @throws CheckpointException if it is not a GGUF file, is truncated or damaged, or has a tensor
   *     of a type that is not supported
   */
  public static GgufFile open(Path path) {
    ForeignFiles.requireNone(path);
    CheckpointFile file = CheckpointFile.open(path);
    HeaderCursor cursor = new HeaderCursor(file);
    requireVersion(file, cursor);
    int tensorCount = cursor.count("tensor count", MAX_TENSORS, MIN_TENSOR_BYTES);
    int pairs = cursor.count("key count", MAX_PAIRS, MIN_PAIR_BYTES);
    Map<String, Object> metadata = new MetadataReader(file, cursor).read(pairs);
    List<Declared> declared = new ArrayList<>();
    for (int i = 0; i < tensorCount; i++) {
      declared.add(declared(file, cursor));
    }
    long alignment = alignment(file, metadata);
    long data = (cursor.position() + alignment - 1) / alignment * alignment;
    List<StoredTensor> tensors = new ArrayList<>();
    for (Declared tensor : declared) {
      tensors.add(tensor.resolve(file, data, alignment));
    }
    return new GgufFile(file, metadata, TensorTable.of(path.toString(), tensors));
  }

  private static void requireVersion(CheckpointFile file, HeaderCursor cursor) {
    int magic = cursor.int32();
    if (magic != MAGIC) {
      throw CheckpointException.refused(
          file + ": magic",
          "GGUF",
          "0x%08x".formatted(Integer.reverseBytes(magic)),
          "this is not a GGUF file");
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

  private static long alignment(CheckpointFile file, Map<String, Object> metadata) {
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

  private static Declared declared(CheckpointFile file, HeaderCursor cursor) {
    String name = cursor.string("length of a tensor's name", MAX_NAME_BYTES);
    String where = "%s: tensor %s".formatted(file, Printable.of(name));
    long dimensions = cursor.uint32();
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
      throw CheckpointException.refused(
          where, "1 to %d dimensions".formatted(MAX_DIMENSIONS), dimensions, DAMAGED);
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
                        where, "a supported type", GgmlTypes.name(type), GgmlTypes.SUPPORTED));
    return new Declared(name, known, shape, cursor.int64());
  }

  /** Returns the metadata; values are String, Long, Double, Boolean, or a List of these. */
  public Map<String, Object> metadata() {
    return metadata;
  }

  /** Returns the tensors; shapes have the outermost dimension first, e.g. [out, in]. */
  public TensorTable tensors() {
    return tensors;
  }

  public Path path() {
    return file.path();
  }

  /** Returns the stamp of the file, as it was opened. */
  public FileStamp stamp() {
    return file.stamp();
  }

  /** A tensor as the header declares it, with its offset from the start of the data. */
  private record Declared(String name, TensorType type, List<Long> shape, long offset) {

    StoredTensor resolve(CheckpointFile file, long data, long alignment) {
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
