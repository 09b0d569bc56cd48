package io.calm.files;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextFileTest {
  @TempDir Path directory;

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
