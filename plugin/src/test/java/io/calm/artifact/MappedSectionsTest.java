package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.testing.Seeds;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class MappedSectionsTest {
  private final Path directory;

  MappedSectionsTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 4096, 100_000, 1_000_000, Integer.MAX_VALUE})
  void windowsOfAnySizeGiveTheSameBytes(long window) throws Exception {
    Random random = new Random(Seeds.of(window));
    Path file = directory.resolve("data.bin");
    byte[][] contents = new byte[20][];
    Manifest.DataFile table;
    try (SectionWriter writer = new SectionWriter(StoreFileSystem.LOCAL, file)) {
      for (int i = 0; i < contents.length; i++) {
        contents[i] = new byte[random.nextInt(i % 3 == 0 ? 200_000 : 100)];
        random.nextBytes(contents[i]);
        writer.write("s" + i, ByteBuffer.wrap(contents[i]), List.of(i));
      }
      table = writer.finish();
    }
    MappedSections sections = MappedSections.map(file, table, window);
    assertEquals(Optional.empty(), sections.verify());
    for (int i = 0; i < contents.length; i++) {
      assertEquals(ByteBuffer.wrap(contents[i]), sections.bytes("s" + i));
      assertEquals(List.of(i), sections.section("s" + i).shape());
    }
    assertThrows(IllegalArgumentException.class, () -> sections.bytes("s20"));
  }

  /** A sparse file of 5 GiB, with a mark at the end of each section. */
  @Test
  void aFileOverTwoGibibytesIsMapped() throws Exception {
    Path file = directory.resolve("large.bin");
    long extent = (1L << 30) + (1 << 20);
    List<Section> table =
        List.of(
            new Section("a", 0, extent, extent, "", List.of()),
            new Section("b", extent, extent, extent, "", List.of()),
            new Section("c", 2 * extent, Integer.MAX_VALUE, Integer.MAX_VALUE, "", List.of()),
            new Section("d", 2 * extent + Integer.MAX_VALUE, 5, 64, "", List.of()));
    long length = 2 * extent + Integer.MAX_VALUE + 64;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      for (Section section : table) {
        mark(channel, section);
      }
      channel.write(ByteBuffer.allocate(1), length - 1);
    }
    MappedSections sections =
        MappedSections.map(file, new Manifest.DataFile(length, table), Integer.MAX_VALUE);
    for (Section section : table) {
      ByteBuffer bytes = sections.bytes(section.name());
      assertEquals(section.length(), bytes.remaining());
      assertEquals(section.name().charAt(0), bytes.get(bytes.limit() - 1));
    }
  }

  private static void mark(FileChannel channel, Section section) throws IOException {
    byte mark = (byte) section.name().charAt(0);
    channel.write(ByteBuffer.wrap(new byte[] {mark}), section.offset() + section.length() - 1);
  }
}
