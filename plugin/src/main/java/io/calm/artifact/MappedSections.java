package io.calm.artifact;

import io.calm.files.FileStamp;
import io.calm.files.PrivateFiles;
import io.calm.tensor.OffHeap;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The sections of a data file as read-only mapped memory. A file is mapped in as few windows of
 * less than 2 GiB as possible. {@link #close} unmaps them. A section that outlives the reader of
 * the artifact is read under a lease of the model's lifetime.
 */
final class MappedSections implements AutoCloseable {
  private final Path file;
  private final FileChannel channel;
  private final FileStamp stamp;
  private final Map<String, Section> table = new HashMap<>();
  private final Map<String, ByteBuffer> extents = new HashMap<>();
  private final List<OffHeap> windows = new ArrayList<>();

  private MappedSections(Path file, FileChannel channel) throws IOException {
    this.file = file;
    this.channel = channel;
    this.stamp = FileStamp.of(file);
  }

  /**
   * Maps a file, after checking its length and that its table covers it; {@link #verify} reads it.
   *
   * @param window maximum size of one mapping in bytes
   */
  static MappedSections map(Path file, Manifest.DataFile expected, long window)
      throws IOException, BadArtifactException {
    requireCover(file, expected);
    MappedSections sections = open(file);
    boolean mapped = false;
    try {
      long size = sections.channel.size();
      if (size != expected.length()) {
        throw new BadArtifactException(
            "%s: expected %d bytes, got %d".formatted(file.getFileName(), expected.length(), size));
      }
      int from = 0;
      while (from < expected.sections().size()) {
        int to = windowEnd(expected.sections(), from, window);
        sections.mapWindow(expected.sections().subList(from, to));
        from = to;
      }
      mapped = true;
      return sections;
    } finally {
      if (!mapped) {
        sections.close();
      }
    }
  }

  private static MappedSections open(Path file) throws IOException, BadArtifactException {
    FileChannel channel;
    try {
      channel = PrivateFiles.open(file);
    } catch (NoSuchFileException e) {
      throw new BadArtifactException(file.getFileName() + " is missing", e);
    }
    boolean opened = false;
    try {
      MappedSections sections = new MappedSections(file, channel);
      opened = true;
      return sections;
    } finally {
      if (!opened) {
        channel.close();
      }
    }
  }

  private static void requireCover(Path file, Manifest.DataFile expected)
      throws BadArtifactException {
    long end = 0;
    for (Section section : expected.sections()) {
      if (section.offset() != end
          || section.length() < 0
          || section.length() > section.extent()
          || section.extent() > Integer.MAX_VALUE) {
        throw new BadArtifactException(
            "%s: %s: expected a section at %d, got %s"
                .formatted(file.getFileName(), section.name(), end, section));
      }
      end += section.extent();
    }
    if (end != expected.length()) {
      throw new BadArtifactException(
          "%s: expected sections of %d bytes, got %d"
              .formatted(file.getFileName(), expected.length(), end));
    }
  }

  private static int windowEnd(List<Section> sections, int from, long window) {
    long start = sections.get(from).offset();
    int to = from + 1;
    while (to < sections.size()
        && sections.get(to).offset() + sections.get(to).extent() - start <= window) {
      to++;
    }
    return to;
  }

  private void mapWindow(List<Section> window) throws IOException {
    Section first = window.get(0);
    Section last = window.get(window.size() - 1);
    long length = last.offset() + last.extent() - first.offset();
    OffHeap memory = OffHeap.of(channel.map(FileChannel.MapMode.READ_ONLY, first.offset(), length));
    windows.add(memory);
    ByteBuffer mapped = memory.bytes();
    for (Section section : window) {
      int offset = Math.toIntExact(section.offset() - first.offset());
      table.put(section.name(), section);
      extents.put(section.name(), mapped.slice(offset, Math.toIntExact(section.extent())));
    }
  }

  /** Reads every section with its padding once and describes the damage to the file, if any. */
  Optional<String> verify() throws IOException {
    List<Checksums.Expected> parts =
        table.values().stream()
            .map(
                section ->
                    new Checksums.Expected(
                        file.getFileName() + ": " + section.name(),
                        section.offset(),
                        section.extent(),
                        section.crc32c()))
            .toList();
    try (channel) {
      return Checksums.verify(channel, parts);
    }
  }

  /** Describes the truncation of the file since it was mapped, if any. */
  Optional<String> cutShort() {
    return stamp.cutShort();
  }

  /** Returns a section's entry in the table. */
  Section section(String name) {
    Section section = table.get(name);
    if (section == null) {
      throw new IllegalArgumentException(file.getFileName() + ": no section " + name);
    }
    return section;
  }

  /** Returns a section's bytes, little-endian. */
  ByteBuffer bytes(String name) {
    Section section = section(name);
    ByteBuffer extent = extents.get(name);
    if (extent == null) {
      throw new IllegalArgumentException(file.getFileName() + ": no section " + name);
    }
    return extent.slice(0, Math.toIntExact(section.length())).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Unmaps the file. No section may be read afterwards. */
  @Override
  public void close() {
    table.clear();
    extents.clear();
    windows.forEach(OffHeap::close);
    try {
      channel.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Copies a section of float32 numbers. */
  float[] floats(String name) {
    ByteBuffer bytes = bytes(name);
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }
}
