package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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

  @ParameterizedTest
  @EnumSource
  void aPythonWithoutThePeerIsRefusedByName(PeerRuntime runtime) throws IOException {
    Path broken = directory.resolve("python");
    Files.writeString(broken, "#!/bin/sh\necho 'no such module' >&2\nexit 1\n");
    broken.toFile().setExecutable(true);
    String message =
        assertThrows(
                IOException.class,
                () -> PythonPeer.start(runtime, broken.toString(), directory.resolve("none"), 1))
            .getMessage();
    assertEquals(
        "--peer-python: expected a Python with %s, but it ended: no such module"
            .formatted(runtime.distribution()),
        message);
  }
}
