package io.calm.export.onnx;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A file with the contents of tensors, which a model names by offset and length. A model in one
 * protobuf message ends at 2 GiB; this file has no limit. Each tensor starts at a multiple of
 * {@value #ALIGNMENT} bytes, so that engines can map it.
 */
final class ExternalData implements AutoCloseable {
  /** Alignment of tensors in bytes. */
  static final int ALIGNMENT = 4096;

  private final String name;
  private final FileChannel channel;

  private ExternalData(String name, FileChannel channel) {
    this.name = name;
    this.channel = channel;
  }

  /** Creates the file {@code name} in {@code directory}. */
  static ExternalData create(Path directory, String name) throws IOException {
    return new ExternalData(
        name,
        FileChannel.open(
            directory.resolve(name), StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
  }

  /** Returns the file's name, which is its location relative to the model. */
  String name() {
    return name;
  }

  /** Writes the bytes of one tensor, in pieces. */
  @FunctionalInterface
  interface Content {
    void writeTo(Sink sink) throws IOException;
  }

  /** Receives the bytes of a tensor. */
  @FunctionalInterface
  interface Sink {
    /** Appends the remaining bytes of {@code piece}. */
    void put(ByteBuffer piece) throws IOException;
  }

  /**
   * Appends a tensor and returns its offset.
   *
   * @param length expected size in bytes
   */
  long append(Content content, long length) throws IOException {
    long position = channel.position();
    long offset = (position + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    channel.position(offset);
    content.writeTo(
        piece -> {
          while (piece.hasRemaining()) {
            channel.write(piece);
          }
        });
    if (channel.position() - offset != length) {
      throw new IllegalStateException(
          "%s: expected a tensor of %d bytes, got %d"
              .formatted(name, length, channel.position() - offset));
    }
    return offset;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
