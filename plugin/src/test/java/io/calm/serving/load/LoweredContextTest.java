package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.serving.model.ServedModel;
import io.calm.testing.TinyLlama;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The log of a load whose {@code calm.max-context} is above the model's own limit of 1024. */
class LoweredContextTest {
  @TempDir Path cache;

  @ParameterizedTest
  @CsvSource({"2048, 1024, 1", "1024, 1024, 0", "512, 512, 0", "auto, 1024, 0"})
  void isNamedOnceWithBothNumbers(String setting, int served, int warnings) {
    PrintStream real = System.err;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    System.setErr(new PrintStream(bytes, true, StandardCharsets.UTF_8));
    try (ServedModel model = load(setting)) {
      assertEquals(served, model.scheduler().settings().maxContext());
    } finally {
      System.setErr(real);
    }
    String log = bytes.toString(StandardCharsets.UTF_8);
    String warning =
        "m: calm.max-context=2048 is above the model's own limit: it serves at most 1024 tokens";
    assertEquals(
        warnings, log.lines().filter(line -> line.contains("calm.max-context")).count(), log);
    assertEquals(warnings, log.lines().filter(line -> line.contains(warning)).count(), log);
  }

  private ServedModel load(String maxContext) {
    return ModelLoader.load(
        TinyLlama.rounded(cache, Map.of("calm.warm-up", "false", "calm.max-context", maxContext)),
        step -> {});
  }
}
