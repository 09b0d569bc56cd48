package io.calm.export;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.open.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Source files that a download replaces while a model is exported. */
class SourceStampsTest {
  @TempDir Path model;
  @TempDir Path elsewhere;

  private Checkpoint open() throws IOException {
    for (String name : List.of("config.json", "tokenizer.json", "model.safetensors")) {
      Files.copy(Goldens.path("llama-gqa").resolve(name), model.resolve(name));
    }
    Files.writeString(model.resolve("tokenizer_config.json"), "{}");
    return Checkpoints.open(model);
  }

  /** Gives a file another inode, as a download does. */
  private void replace(String name) throws IOException {
    Path file = model.resolve(name);
    Path other = elsewhere.resolve(name);
    Files.writeString(other, Files.exists(file) ? Files.readString(file) : "a template");
    Files.move(other, file, StandardCopyOption.REPLACE_EXISTING);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tokenizer_config.json", "chat_template.jinja"})
  void aReplacedOrNewFileOfTheTokenizerIsRefused(String name) throws IOException {
    try (Checkpoint checkpoint = open()) {
      SourceStamps stamps = SourceStamps.of(checkpoint);
      stamps.requireUnchanged();
      replace(name);
      ExportException e = assertThrows(ExportException.class, stamps::requireUnchanged);
      assertTrue(e.getMessage().startsWith(model.resolve(name) + ": expected"), e.getMessage());
    }
  }

  @Test
  void aReplacedConfigurationIsRefused() throws IOException {
    try (Checkpoint checkpoint = open()) {
      SourceStamps stamps = SourceStamps.of(checkpoint);
      replace("config.json");
      assertThrows(CheckpointException.class, stamps::requireUnchanged);
    }
  }
}
