package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExportCommandTest {
  private static final String TINY = Repository.path("models/calm-tiny-llama").toString();

  @TempDir Path directory;

  private CommandRun export(String format, Path out, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "export",
                TINY,
                "--format",
                format,
                "--out",
                out.toString(),
                "-s",
                "calm.cache-dir=" + directory.resolve("cache"),
                "-s",
                "calm.lm-head=int8"));
    arguments.addAll(List.of(more));
    return CommandRun.of(arguments);
  }

  private List<String> names() throws IOException {
    try (Stream<Path> files = Files.list(directory)) {
      return files.map(file -> String.valueOf(file.getFileName())).sorted().toList();
    }
  }

  @ParameterizedTest
  @CsvSource({"gguf", "safetensors", "GGUF"})
  void writesTheFormatAndNothingElse(String format) throws IOException {
    Path out = directory.resolve("exported");
    CommandRun outcome = export(format, out, "--precision", "rtn");
    assertEquals(0, outcome.status(), outcome.err());
    assertEquals("uniform-rtn: %s\n".formatted(out), outcome.out());
    assertEquals(List.of("cache", "exported"), names());
    assertEquals(format.equals("safetensors"), Files.isDirectory(out));
  }

  @Test
  void anExistingNameIsRefusedAndKept() throws IOException {
    Path file = Files.writeString(directory.resolve("taken"), "mine");
    for (String format : List.of("gguf", "safetensors")) {
      requireFailure(
          export(format, file, "--precision", "rtn"),
          "calm: --out %s: expected a name that is not in use, got one that exists; choose another name, or delete it first"
              .formatted(file));
    }
    assertEquals("mine", Files.readString(file));
    Path empty = Files.createDirectory(directory.resolve("empty"));
    requireFailure(export("safetensors", empty, "--precision", "rtn"), "got one that exists");
    assertEquals(List.of("empty", "taken"), names());
  }

  @Test
  void aMissingDirectoryIsRefused() throws IOException {
    requireFailure(
        export("gguf", directory.resolve("none").resolve("out"), "--precision", "rtn"),
        "which is none; create that directory first");
    Path file = Files.createFile(directory.resolve("file"));
    requireFailure(
        export("gguf", file.resolve("out"), "--precision", "rtn"),
        "which is none; create that directory first");
    assertEquals(List.of("file"), names());
  }

  @Test
  void aDirectoryThatIsNotWritableIsRefused() throws IOException {
    Path closed = Files.createDirectory(directory.resolve("closed"));
    assertTrue(closed.toFile().setWritable(false));
    try {
      assumeFalse(Files.isWritable(closed), "this user may write anywhere");
      requireFailure(
          export("gguf", closed.resolve("out"), "--precision", "rtn"),
          "closed, which is not; choose another one or change its permissions");
    } finally {
      assertTrue(closed.toFile().setWritable(true));
    }
  }

  @Test
  void wrongOptionsAreNamed() throws IOException {
    Path out = directory.resolve("out");
    CommandRun unknown = export("tar", out);
    assertEquals(2, unknown.status());
    assertTrue(unknown.err().contains("--format"), unknown.err());
    assertTrue(unknown.err().contains("GGUF"), unknown.err());
    requireWrongCall(
        export("gguf", out, "--dtype", "bf16"),
        "calm: --dtype: expected one of [q8_0, f16, f32] with --format gguf, got bf16");
    requireWrongCall(
        export("safetensors", out, "--dtype", "q8_0"),
        "calm: --dtype: expected one of [bf16, f32] with --format safetensors, got q8_0");
    requireWrongCall(
        export("gguf", out, "--precision", "reference"),
        "--precision: expected calm or an algorithm, got reference");
    assertEquals(List.of(), names());
  }

  private static void requireFailure(CommandRun outcome, String message) {
    require(1, outcome, message);
  }

  private static void requireWrongCall(CommandRun outcome, String message) {
    require(2, outcome, message);
  }

  private static void require(int status, CommandRun outcome, String message) {
    assertEquals(status, outcome.status(), outcome.err());
    assertTrue(outcome.err().contains(message), outcome.err());
    assertFalse(outcome.err().contains("unexpected failure"), outcome.err());
    assertEquals("", outcome.out());
  }
}
