package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.export.onnx.OnnxEngine;
import io.calm.export.onnx.OnnxExporter;
import io.calm.export.onnx.OnnxRequest;
import io.calm.testing.Repository;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
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
    StringWriter err = new StringWriter();
    int status = run(err, options.split(" ", -1));
    assertFalse(status == 0, err.toString());
    assertTrue(err.toString().contains(message), err.toString());
    try (Stream<Path> files = Files.list(directory)) {
      assertEquals(0, files.count());
    }
  }

  @Test
  void anExportForTensorRtSaysWhatTheServerNeeds() throws Exception {
    StringWriter err = new StringWriter();
    Path cache = Files.createDirectory(directory.resolve("cache"));
    int status =
        run(
            err,
            "--format onnx --engine tensorrt --context 64 -s calm.algorithm=rtn -s calm.lm-head=int8"
                .concat(" -s calm.cache-dir=" + cache)
                .split(" ", -1));
    assertEquals(0, status, err.toString());
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
            .notes().stream()
                .map(note -> "calm: " + note + System.lineSeparator())
                .collect(Collectors.joining());
    assertEquals(expected, err.toString());
  }

  private int run(StringWriter err, String... options) {
    String[] arguments =
        Stream.concat(
                Stream.of("export", TINY, "--out", directory.resolve("out").toString()),
                Stream.of(options))
            .toArray(String[]::new);
    return Main.commandLine()
        .setOut(new PrintWriter(new StringWriter()))
        .setErr(new PrintWriter(err))
        .execute(arguments);
  }
}
