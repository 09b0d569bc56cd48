package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models that {@code calm quantize} refuses because they could not be served. */
class QuantizeCommandTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");

  @TempDir Path directory;
  private Path model;

  @BeforeEach
  void copyModel() throws IOException {
    model = Files.createDirectory(directory.resolve("model"));
    for (String name :
        List.of("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")) {
      Path file = model.resolve(name);
      Files.copy(TINY.resolve(name), file);
      Files.setLastModifiedTime(file, FileTime.from(Instant.parse("2024-01-01T00:00:00Z")));
    }
  }

  /** Quantizes without calibration, which would open the tokenizer itself. */
  private CommandRun quantize() {
    return CommandRun.of(
        "quantize",
        model.toString(),
        "-s",
        "calm.algorithm=rtn",
        "-s",
        "calm.lm-head=int8",
        "-s",
        "calm.cache-dir=" + directory.resolve("cache"));
  }

  private void assertRefused(String message) {
    CommandRun outcome = quantize();
    assertEquals(1, outcome.status(), outcome.out());
    assertTrue(outcome.err().contains(message), outcome.err());
    assertEquals(1, outcome.err().lines().count(), outcome.err());
    assertEquals("", outcome.out());
  }

  private void assertNothingMade() {
    assertFalse(Files.exists(directory.resolve("cache/artifacts")), "the work began");
    assertFalse(Files.exists(directory.resolve("cache/digests")), "the model was read");
  }

  @Test
  void aModelWithoutATokenizer() throws IOException {
    Path file = model.resolve("tokenizer.json");
    Files.delete(file);
    assertRefused("calm: " + file + ": there is no such file; copy it from the model's source");
    assertNothingMade();
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "", "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\""})
  void aModelWithADamagedTokenizer(String json) throws IOException {
    Path file = Files.writeString(model.resolve("tokenizer.json"), json);
    assertRefused("calm: " + file);
    assertNothingMade();
  }

  @Test
  void aModelWithADamagedTemplateAlsoBesideACachedResult() throws IOException {
    Path file = Files.writeString(model.resolve("chat_template.jinja"), "{% for m in %}");
    assertRefused("calm: " + file + ": chat template");
    assertNothingMade();
    Files.delete(file);
    CommandRun made = quantize();
    assertEquals(0, made.status(), made.err());
    CommandRun again = quantize();
    assertTrue(again.out().contains("was finished before"), again.out());
    Files.writeString(file, "{% for m in %}");
    assertRefused("calm: " + file + ": chat template");
  }
}
