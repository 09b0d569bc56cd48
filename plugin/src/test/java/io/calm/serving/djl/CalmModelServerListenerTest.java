package io.calm.serving.djl;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The files of models that DJL Serving has downloaded, also those of other engines. */
class CalmModelServerListenerTest {
  @TempDir Path directory;

  @Test
  void theKeysOfAModelsFilesAreRead() throws IOException {
    Files.writeString(directory.resolve("serving.properties"), "calm.enabled=true\n");
    assertEquals(Map.of("calm.enabled", "true"), CalmModelServerListener.files(directory));
  }

  /** DJL reads ISO 8859-1, so the first is valid for the model of another engine. */
  @ParameterizedTest
  @CsvSource({
    "serving.properties, '# für alle\nengine=Python\n'",
    "model.properties, calm.group=\\u00",
  })
  void aFileThatIsNoPropertiesFileInUtf8IsLeftToTheLoad(String name, String content)
      throws IOException {
    Files.write(directory.resolve(name), content.getBytes(ISO_8859_1));
    assertEquals(Map.of(), CalmModelServerListener.files(directory));
  }
}
