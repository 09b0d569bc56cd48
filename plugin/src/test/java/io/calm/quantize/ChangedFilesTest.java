package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.settings.CalmSettings;
import io.calm.testing.Repository;
import io.calm.testing.TestSettings;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files that change while a model is quantized: the key has their digests from before. */
class ChangedFilesTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");

  @TempDir Path cache;

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.calibration.samples", "4");
    values.put("calm.calibration.length", "48");
    return TestSettings.of(values, keysAndValues);
  }

  /** The key has the digests of the first bytes, so no artifact may be made of the second. */
  @Test
  void weightsThatAreWrittenToWhileTheyAreQuantizedAreRefused() throws Exception {
    Path model = copyOfTiny();
    Path weights = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    bytes[bytes.length - 1] ^= 1;
    CheckpointException refused =
        assertThrows(
            CheckpointException.class,
            () -> getWhile(model, settings("calm.algorithm", "rtn"), weights, bytes));
    assertTrue(refused.getMessage().contains("it was written to while in use"), refused::toString);
    assertNothingIsPublished();
  }

  @Test
  void filesThatAreReplacedAfterTheyWereOpenedAreRefused() throws Exception {
    Path model = copyOfTiny();
    Path weights = model.resolve("model.safetensors");
    Path other = Files.copy(weights, model.resolve("other"));
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      Files.move(other, weights, StandardCopyOption.REPLACE_EXISTING);
      QuantizedModelStore store = new QuantizedModelStore(settings("calm.algorithm", "rtn"));
      CheckpointException refused =
          assertThrows(CheckpointException.class, () -> store.get(checkpoint, progress -> {}));
      assertTrue(refused.getMessage().contains("changed or replaced"), refused::toString);
    }
    assertNothingIsPublished();
  }

  @Test
  void aTextThatIsChangedAfterItsDigestWasTakenIsRefused() throws Exception {
    String sentence = "The package manager installs a file. ";
    Path text = Files.writeString(cache.resolve("text.txt"), sentence.repeat(200));
    QuantizeException refused =
        assertThrows(
            QuantizeException.class,
            () ->
                getWhile(
                    copyOfTiny(),
                    settings("calm.algorithm", "gptq", "calm.calibration", text.toString()),
                    text,
                    sentence.repeat(300).getBytes(StandardCharsets.UTF_8)));
    assertTrue(refused.getMessage().startsWith("calm.calibration: " + text), refused::toString);
    assertNothingIsPublished();
  }

  private Path copyOfTiny() throws IOException {
    Path model = Files.createDirectory(cache.resolve("model"));
    try (Stream<Path> files = Files.list(TINY)) {
      for (Path file : files.toList()) {
        Files.copy(file, model.resolve(file.getFileName()));
      }
    }
    return model;
  }

  /** Gets an artifact and overwrites a file when the work begins. */
  private void getWhile(Path model, CalmSettings settings, Path file, byte[] bytes) {
    AtomicBoolean written = new AtomicBoolean();
    try (Checkpoint checkpoint = Checkpoints.open(model)) {
      new QuantizedModelStore(settings)
          .get(
              checkpoint,
              progress -> {
                if (progress.phase().equals("checking") && !written.getAndSet(true)) {
                  assertDoesNotThrow(() -> Files.write(file, bytes));
                }
              });
    }
  }

  private void assertNothingIsPublished() throws IOException {
    Path artifacts = cache.resolve("artifacts");
    if (Files.exists(artifacts)) {
      try (Stream<Path> entries = Files.list(artifacts)) {
        assertEquals(List.of(), entries.filter(Files::isDirectory).toList());
      }
    }
  }
}
