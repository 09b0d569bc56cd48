package io.calm.export.gguf;

import io.calm.export.ExportOutput;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;

/** Writes a GGUF file of version 3, one row at a time. */
final class GgufWriter {
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;

  private GgufWriter() {}

  /**
   * Writes a file.
   *
   * @param beforeEach receives the name of each tensor before it is written
   * @throws IOException if it cannot be written; it may then be incomplete
   */
  static void write(
      Path path, GgufMetadata metadata, List<GgufTensor> tensors, Consumer<String> beforeEach)
      throws IOException {
    try (OutputStream out = ExportOutput.stream(path)) {
      byte[] header = header(metadata, tensors);
      out.write(header);
      out.write(new byte[padding(header.length)]);
      for (GgufTensor tensor : tensors) {
        beforeEach.accept(tensor.name());
        write(tensor, out);
      }
    }
  }

  private static byte[] header(GgufMetadata metadata, List<GgufTensor> tensors) {
    GgufMetadata.Bytes out = new GgufMetadata.Bytes();
    out.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    out.int32(VERSION).int64(tensors.size()).int64(metadata.size());
    out.writeBytes(metadata.bytes());
    long offset = 0;
    for (GgufTensor tensor : tensors) {
      out.text(tensor.name()).int32(tensor.isVector() ? 1 : 2).int64(tensor.columns());
      if (!tensor.isVector()) {
        out.int64(tensor.rows());
      }
      out.int32(tensor.type().number()).int64(offset);
      offset += tensor.size() + padding(tensor.size());
    }
    return out.toByteArray();
  }

  private static void write(GgufTensor tensor, OutputStream out) throws IOException {
    int size = tensor.type().rowBytes(tensor.columns());
    ByteBuffer row = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    for (int r = 0; r < tensor.rows(); r++) {
      tensor.row().write(r, row.clear());
      if (row.hasRemaining()) {
        throw new IllegalStateException(
            "%s: row %d has %d bytes of %d".formatted(tensor.name(), r, row.position(), size));
      }
      out.write(row.array());
    }
    out.write(new byte[padding(tensor.size())]);
  }

  private static int padding(long size) {
    return (int) (-size & (ALIGNMENT - 1));
  }
}
