package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.export.onnx.OnnxEngine;
import io.calm.export.onnx.OnnxExporter;
import io.calm.export.onnx.OnnxRequest;
import io.calm.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The options of {@code calm export --format onnx}. */
class ExportOnnxCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--format onnx --engine cuda | --engine: expected OnnxRuntime or TensorRT, got cuda",
        "--format onnx --kv-cache int8 | --kv-cache: expected float32 or float16, got int8",
        "--format onnx --batch 0 | --batch: expected a positive number, got 0",
        "--format onnx --chunk 9 --context 8 | --chunk: expected at most 8",
        "--format onnx --context 999999 | --context: expected at most",
        "--format onnx --dtype f32 | --dtype: expected --format gguf or safetensors, got onnx",
        "--format gguf --chunk 4 | --engine, --batch, --chunk, --context and --kv-cache: expected"
      })
  void wrongOptionsAreRefusedBeforeAnythingIsWritten(String options, String message)
      throws Exception {
    CommandRun run = export(options);
    assertFalse(run.status() == 0, run.err());
    assertTrue(run.err().contains(message), run.err());
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(0, files.count());
    }
  }

  @Test
  void anExportForTensorRtSaysWhatTheServerNeeds() throws Exception {
    Path cache = Files.createDirectory(directory.resolve("cache"));
    CommandRun run =
        export(
            "--format onnx --engine tensorrt --context 64 -s calm.algorithm=rtn -s calm.lm-head=int8"
                .concat(" -s calm.cache-dir=" + cache));
    assertEquals(0, run.status(), run.err());
    assertTrue(
        Files.readString(directory.resolve("out/serving.properties")).contains("engine=TensorRT"));
    OnnxRequest request =
        new OnnxRequest(
            OnnxEngine.TENSOR_RT,
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.of(64),
            Optional.empty());
    String expected =
        new OnnxExporter(request)
            .notes().stream().map(note -> "calm: " + note + "\n").collect(Collectors.joining());
    assertEquals(expected, run.err());
  }

  private CommandRun export(String options) {
    List<String> arguments =
        new ArrayList<>(List.of("export", TINY, "--out", directory.resolve("out").toString()));
    arguments.addAll(List.of(options.split(" ", -1)));
    return CommandRun.of(arguments);
  }
}
