package io.calm.checkpoint.storage;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class JsonFilesTest {
  @TempDir private Path directory;
  private Path file;

  @BeforeEach
  void name() {
    file = directory.resolve("config.json");
  }

  private void write(String text) throws IOException {
    Files.writeString(file, text);
  }

  @Test
  void anObjectIsRead() throws IOException {
    write("{\"a\": [1, true, null, \"b\"], \"c\": {\"d\": 2.5}} \n");
    assertEquals(
        "{\"a\":[1,true,null,\"b\"],\"c\":{\"d\":2.5}}", JsonFiles.object(file).toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "[1] | got [1]",
        "{} {} | got malformed JSON at line 1 column 5",
        "{\"a\": | got End of input",
        "'' | got ",
      })
  void otherTextIsRefused(String text, String got) throws IOException {
    write(text);
    refused(got);
  }

  @Test
  void textThatIsNotUtf8IsRefused() throws IOException {
    Files.write(file, "{\"a\": \"\u00e9\"}".getBytes(StandardCharsets.ISO_8859_1));
    refused("got text that is not UTF-8");
  }

  /** Fifteen million zeros in 30 MB used to end a process with a heap of 1 GiB. */
  @ParameterizedTest
  @ValueSource(strings = {"0", "null", "\"a\"", "true", "[]", "{}", "{\"a\": 0}"})
  void moreValuesThanTheMaximumAreRefused(String value) throws IOException {
    write("{\"x\": [" + (value + ",").repeat(JsonFiles.MAX_VALUES) + value + "]}");
    refused("got more than 1048576 values");
  }

  @Test
  void asManyValuesAsTheMaximumAreRead() throws IOException {
    int zeros = JsonFiles.MAX_VALUES - 3; // the object, the name and the array are counted too
    write("{\"x\": [" + "0,".repeat(zeros - 1) + "0]}");
    assertEquals(zeros, JsonFiles.object(file).getAsJsonArray("x").size());
  }

  @Test
  void aLargerFileIsRefusedUnread() throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(JsonFiles.MAX_BYTES + 1);
    }
    refused("got 33554433 bytes, more than 33554432");
  }

  @Test
  void aMissingFileIsRefused() {
    refused("no such file");
  }

  private void refused(String got) {
    assertRefused(
        () -> JsonFiles.object(file),
        file + ": expected a JSON object, ",
        got,
        "download the file again");
  }
}
