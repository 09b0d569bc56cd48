package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextFileTest {
  @TempDir Path directory;

  @Test
  void aTextThatDoesNotEndIsRefused() {
    Path zeros = Path.of("/dev/zero");
    assumeTrue(Files.exists(zeros), "this system has no /dev/zero");
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> TextFile.read(zeros));
    assertEquals(
        "/dev/zero: expected a text of at most 64 MiB, got more; give a part of it",
        e.getMessage());
  }

  @Test
  void onlyRegularFilesOfLimitedSizeAreAccepted() throws IOException {
    Path large = directory.resolve("large.txt");
    try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
      file.setLength(64L << 20);
      TextFile.requireRegular("a", large);
      file.setLength((64L << 20) + 1); // sparse
    }
    requireRefused(
        large, "a: expected a text of at most 64 MiB, got 67108865 bytes; give a part of it");
    requireRefused(directory, "a: expected a regular file, got a directory; give a file with text");
    TextFile.requireRegular("a", directory.resolve("missing"));
  }

  private static void requireRefused(Path file, String message) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> TextFile.requireRegular("a", file));
    assertEquals(message, e.getMessage());
  }

  @ParameterizedTest
  @CsvSource({
    "'\ufeffone\r\ntwo\n', 'one\ntwo\n'",
    "'one\ufeff\rtwo', 'one\ufeff\rtwo'",
    "'\ufeff', ''",
    "'', ''",
  })
  void aFileFromWindowsIsTheSameText(String content, String text) throws IOException {
    assertEquals(text, TextFile.read(Files.writeString(directory.resolve("a"), content)));
  }
}
