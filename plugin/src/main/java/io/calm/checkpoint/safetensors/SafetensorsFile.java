package io.calm.checkpoint.safetensors;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.StoredTensor;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.text.Printable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Opens safetensors files. Checks the header as the format requires: the tensors cover the data
 * without gaps or overlaps. No tensor is read.
 */
public final class SafetensorsFile {
  /** Maximum number of tensors in the files of a model together. */
  public static final int MAX_TENSORS = 1 << 17;

  private static final int LENGTH_BYTES = 8;
  private static final long MAX_HEADER_BYTES = 16 << 20;
  private static final String DAMAGED = "the file is truncated or damaged: download it again";

  private SafetensorsFile() {}

  /**
   * Reads the header of an opened file.
   *
   * @throws CheckpointException if it is not a safetensors file, is truncated or damaged, or has a
   *     data type that is not supported
   */
  public static TensorTable read(CheckpointFile file) {
    long headerLength = headerLength(file);
    List<HeaderEntry> entries = HeaderParser.parse(file.path(), header(file, (int) headerLength));
    long data = LENGTH_BYTES + headerLength;
    requireCovered(file, entries, file.size() - data);
    List<StoredTensor> tensors = new ArrayList<>();
    for (HeaderEntry entry : entries) {
      StoredTensor tensor =
          new StoredTensor(file, entry.name(), entry.type(), entry.shape(), data + entry.begin());
      if (tensor.byteSize() != entry.end() - entry.begin()) {
        throw CheckpointException.refused(
            tensor.where(),
            "%d bytes for %s %s".formatted(tensor.byteSize(), entry.type(), entry.shape()),
            "data_offsets of %d bytes".formatted(entry.end() - entry.begin()),
            DAMAGED);
      }
      tensors.add(tensor);
    }
    return TensorTable.of(file.toString(), tensors);
  }

  private static long headerLength(CheckpointFile file) {
    byte[] bytes = new byte[LENGTH_BYTES];
    if (file.size() < LENGTH_BYTES) {
      throw CheckpointException.refused(file.toString(), "at least 8 bytes", file.size(), DAMAGED);
    }
    file.read(0, bytes, LENGTH_BYTES);
    long length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
    long max = Math.min(MAX_HEADER_BYTES, file.size() - LENGTH_BYTES);
    if (length < 2 || length > max) {
      throw CheckpointException.refused(
          file + ": header length",
          "2 to %d".formatted(max),
          Long.toUnsignedString(length),
          DAMAGED);
    }
    return length;
  }

  private static String header(CheckpointFile file, int length) {
    byte[] bytes = new byte[LENGTH_BYTES + length];
    file.read(0, bytes, bytes.length);
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes, LENGTH_BYTES, length))
          .toString();
    } catch (CharacterCodingException e) {
      throw CheckpointException.refused(file + ": header", "UTF-8", "other bytes", DAMAGED, e);
    }
  }

  private static void requireCovered(CheckpointFile file, List<HeaderEntry> entries, long size) {
    List<HeaderEntry> sorted = new ArrayList<>(entries);
    sorted.sort(Comparator.comparingLong(HeaderEntry::begin).thenComparingLong(HeaderEntry::end));
    long end = 0;
    for (HeaderEntry entry : sorted) {
      if (entry.begin() != end || entry.end() < entry.begin()) {
        throw CheckpointException.refused(
            "%s: tensor %s".formatted(file, Printable.of(entry.name())),
            "data_offsets that begin at " + end,
            "[%d, %d]".formatted(entry.begin(), entry.end()),
            DAMAGED);
      }
      end = entry.end();
    }
    if (end != size) {
      throw CheckpointException.refused(file.toString(), end + " bytes of tensors", size, DAMAGED);
    }
  }
}
