package io.calm.artifact;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32C;

/**
 * Appends sections to a new file and records their positions. The file is unusable after a failure.
 * Not thread safe.
 */
final class SectionWriter implements AutoCloseable {
  private final Path file;
  private final WritableByteChannel channel;
  private final List<Section> sections = new ArrayList<>();
  private final CRC32C checksum = new CRC32C();
  private long size;
  private Open open = new Open("", 0, 0, List.of());

  /** A section whose padding, and therefore checksum, is not known yet. */
  private record Open(String name, long offset, long length, List<Integer> shape) {}

  SectionWriter(StoreFileSystem files, Path file) throws IOException {
    this.file = file;
    this.channel = files.create(file);
  }

  Path file() {
    return file;
  }

  /** Appends the remaining bytes of {@code data} without a change of its position. */
  void write(String name, ByteBuffer data, List<Integer> shape) throws IOException {
    int length = data.remaining();
    closeSection(Section.aligned(size, length));
    open = new Open(name, size, length, shape);
    append(data.duplicate());
  }

  /** Appends numbers as little-endian float32. */
  void write(String name, float[] values) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    write(name, bytes, List.of(values.length));
  }

  /** Completes the file and returns its table. Nothing can be written afterwards. */
  Manifest.DataFile finish() throws IOException {
    closeSection(size);
    channel.close();
    return new Manifest.DataFile(size, sections);
  }

  private void closeSection(long end) throws IOException {
    append(ByteBuffer.allocate(Math.toIntExact(end - size)));
    if (!open.name().isEmpty()) {
      sections.add(
          new Section(
              open.name(),
              open.offset(),
              open.length(),
              end - open.offset(),
              Checksums.hex(checksum),
              open.shape()));
    }
    checksum.reset();
  }

  private void append(ByteBuffer bytes) throws IOException {
    checksum.update(bytes.duplicate());
    size += bytes.remaining();
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
