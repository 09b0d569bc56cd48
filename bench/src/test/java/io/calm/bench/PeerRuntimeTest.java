package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PeerRuntimeTest {
  @TempDir Path directory;

  @ParameterizedTest
  @EnumSource
  void aPeerIsFoundByNameAndHasItsProgram(PeerRuntime runtime) throws IOException {
    assertEquals(runtime, PeerRuntime.named(runtime.distribution()));
    try (var program = PythonPeer.class.getResourceAsStream(runtime.script())) {
      assertNotNull(program, runtime.script());
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"LLAMA", "OPENVINO"})
  void aGgufFileHasTheShape(PeerRuntime runtime) throws IOException {
    Path file = directory.resolve("peer" + runtime.suffix());
    runtime.write(file, Shapes.tiny(true).spec());
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      assertEquals(Shapes.tiny(true).spec(), checkpoint.spec());
    }
  }

  @Test
  void theGraphOfOnnxRuntimeIsMadeFromSizes() throws IOException {
    Path file = directory.resolve("peer.json");
    PeerRuntime.ONNX.write(file, Shapes.tiny(true).spec());
    assertEquals(
        JsonParser.parseString(
            "{hidden: 64, intermediate: 96, layers: 2, heads: 2, kvHeads: 1, headDim: 32,"
                + " vocabulary: 320}"),
        JsonParser.parseString(Files.readString(file)));
  }

  /** Writes an interpreter: a script of these lines. */
  private String python(String... lines) throws IOException {
    Path script = directory.resolve("python");
    Files.writeString(script, "#!/bin/sh\n" + String.join("\n", lines) + "\n");
    assertTrue(script.toFile().setExecutable(true));
    return script.toString();
  }

  @Test
  void ratesAreTokensPerSecondOfThePeersAnswers() throws IOException {
    String python =
        python(
            "echo loaded",
            "while read -r question; do",
            "  echo \"$question\" >> '%s'".formatted(directory.resolve("questions")),
            "  echo 0.5",
            "done");
    try (PythonPeer peer =
        PythonPeer.start(PeerRuntime.LLAMA, python, directory.resolve("none"), 1)) {
      assertEquals(20, peer.decode(10));
      assertEquals(128, peer.prefill(64));
    }
    assertEquals(
        List.of("decode 10 " + DecoderBench.CONTEXT, "prefill 64"),
        Files.readAllLines(directory.resolve("questions")));
  }

  @ParameterizedTest
  @EnumSource
  void aPythonWithoutThePeerIsRefusedByName(PeerRuntime runtime) throws IOException {
    String broken = python("echo 'no such module' >&2", "exit 1");
    String message =
        assertThrows(
                IOException.class,
                () -> PythonPeer.start(runtime, broken, directory.resolve("none"), 1))
            .getMessage();
    assertEquals(
        "--peer-python: expected a Python with %s, but it ended: no such module"
            .formatted(runtime.distribution()),
        message);
  }
}
