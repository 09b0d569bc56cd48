package io.calm.settings;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelPropertiesTest {
  private final Path directory;

  ModelPropertiesTest(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void aDirectoryWithoutFilesHasNoProperties() throws IOException {
    assertEquals(Map.of(), ModelProperties.read(directory).values());
  }

  @Test
  void aFileOfUnlimitedSizeIsNotRead() throws IOException {
    write("model.properties", "calm.group=64\n" + "#".repeat(1 << 20));
    SettingsException e =
        assertThrows(SettingsException.class, () -> ModelProperties.read(directory));
    assertTrue(e.getMessage().contains("expected at most 1048576 bytes, got 1048590"));
  }

  @Test
  void aWrongSettingIsNamedWithItsFile() throws IOException {
    write("model.properties", "calm.group=33\ncalm.grup=3\ncalm.max-running=0\n");
    write("serving.properties", "calm.max-context=x\n");
    ModelProperties read = ModelProperties.read(directory);
    ModelProperties own =
        new ModelProperties(directory, Map.of("calm.max-running", "-1")).over(read);
    SettingsException e = assertThrows(SettingsException.class, () -> own.settings(Map.of()));
    String model = directory.resolve("model.properties").toAbsolutePath().toString();
    String serving = directory.resolve("serving.properties").toAbsolutePath().toString();
    List<String> lines = e.getMessage().lines().sorted().toList();
    assertEquals(4, lines.size(), e.getMessage());
    assertTrue(lines.get(0).startsWith(model + ": calm.group: expected "), e.getMessage());
    assertTrue(lines.get(1).startsWith(model + ": calm.grup: there is no"), e.getMessage());
    assertTrue(lines.get(2).startsWith(serving + ": calm.max-context: "), e.getMessage());
    assertTrue(lines.get(3).startsWith("calm.max-running: expected"), e.getMessage());
  }

  @Test
  void theNameOfAFileIsPrintable() throws IOException {
    Path odd = Files.createDirectory(directory.resolve("two\nlines"));
    Path file = Files.writeString(odd.resolve("model.properties"), "calm.group=33\n");
    ModelProperties read = ModelProperties.read(odd);
    assertOneLine(assertThrows(SettingsException.class, () -> read.settings(Map.of())));
    Files.writeString(file, "calm.group=\\u12\n");
    assertOneLine(assertThrows(SettingsException.class, () -> ModelProperties.read(odd)));
    Files.writeString(file, "#".repeat(2 << 20));
    assertOneLine(assertThrows(SettingsException.class, () -> ModelProperties.read(odd)));
  }

  private static void assertOneLine(SettingsException e) {
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    assertTrue(e.getMessage().contains("two\\nlines/model.properties: "), e.getMessage());
  }

  @Test
  void aByteOrderMarkIsNoPartOfTheFirstKey() throws IOException {
    write("model.properties", "\ufeffcalm.group=64\ncalm.seed=1\n");
    assertEquals(
        Map.of("calm.group", "64", "calm.seed", "1"), ModelProperties.read(directory).values());
    write("model.properties", "\ufeff");
    assertEquals(Map.of(), ModelProperties.read(directory).values());
    write("model.properties", "");
    assertEquals(Map.of(), ModelProperties.read(directory).values());
  }

  @Test
  void theOperatorsFileWinsOverTheModels() throws IOException {
    write("model.properties", "calm.enabled=true\ncalm.group=64 \n# a comment\n");
    write("serving.properties", "calm.group=32\noption.anything=x\n");

    ModelProperties read = ModelProperties.read(directory);

    assertEquals(
        Map.of("calm.enabled", "true", "calm.group", "32", "option.anything", "x"), read.values());
    assertTrue(read.settings(Map.of()).loading().enabled());
  }

  @Test
  void theOperatorsFileWinsInAnySpelling() throws IOException {
    write("model.properties", "calm.max-running=3\noption.calm_group=64\njob_queue_size=7\n");
    write("serving.properties", "option.calm_max_running=5\ncalm.group=32\ncalm.queue-size=9\n");

    ModelProperties read = ModelProperties.read(directory);

    assertEquals(
        Map.of(
            "option.calm_max_running", "5",
            "calm.group", "32",
            "calm.queue-size", "9",
            "job_queue_size", "7"),
        read.values());
    assertEquals(5, read.settings(Map.of()).generation().maxRunning());
  }

  @Test
  void filesBesideAModelFileCountToo() throws IOException {
    write("model.properties", "calm.group=64\n");
    Path gguf = Files.createFile(directory.resolve("model.gguf"));

    assertEquals(Map.of("calm.group", "64"), ModelProperties.read(gguf).values());
  }

  @ParameterizedTest
  @ValueSource(strings = {"calm.calibration", "option.calm_calibration"})
  void aRelativeCalibrationFileStartsAtTheDirectory(String key) throws IOException {
    write("model.properties", key + "=text/some.txt\n");

    assertEquals(
        Optional.of(directory.resolve("text").resolve("some.txt")),
        ModelProperties.read(directory).settings(Map.of()).quantization().calibration().file());
  }

  @Test
  void theCheckpointIsTheLocalModelIdOrTheDirectory() throws IOException {
    assertEquals(directory, ModelProperties.read(directory).checkpoint());
    write("model.properties", "option.model_id=../weights\n");
    assertEquals(directory.resolveSibling("weights"), ModelProperties.read(directory).checkpoint());
    write("model.properties", "option.model_id=~/weights.gguf\n");
    assertEquals(
        Path.of(System.getProperty("user.home"), "weights.gguf"),
        ModelProperties.read(directory).checkpoint());
    write("model.properties", "option.model_id=s3://bucket/weights\n");
    assertEquals(directory, ModelProperties.read(directory).checkpoint());
  }

  private void write(String name, String text) throws IOException {
    Files.writeString(directory.resolve(name), text);
  }

  @Test
  void aFileThatIsNoPropertiesFileIsNamed() throws IOException {
    Path file = directory.resolve("model.properties");
    for (byte[] content :
        List.of("calm.group=\\u00".getBytes(UTF_8), new byte[] {'a', (byte) 0xff})) {
      Files.write(file, content);
      SettingsException refused =
          assertThrows(SettingsException.class, () -> ModelProperties.read(directory));
      assertTrue(refused.getMessage().startsWith(file + ": expected a properties file in UTF-8"));
      assertFalse(refused.getMessage().contains("Exception"), refused::getMessage);
    }
  }
}
