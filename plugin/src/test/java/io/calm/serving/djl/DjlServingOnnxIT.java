package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.export.Exports;
import io.calm.export.onnx.OnnxEngine;
import io.calm.export.onnx.OnnxExporter;
import io.calm.export.onnx.OnnxRequest;
import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An ONNX export in a real DJL Serving without the plugin, and the example's client. */
class DjlServingOnnxIT {
  private static final int TOKENS = 64;

  @TempDir private Path directory;

  @Test
  void theExampleGeneratesWithoutThePlugin() throws Exception {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    Path export = export();
    Path home = Files.createDirectory(directory.resolve("home"));
    RealDjlServing.addEngine(home, "onnxruntime-");
    RealDjlServing.Setup setup =
        new RealDjlServing.Setup(home, List.of(), "exported", export, false, Map.of());
    try (RealDjlServing server = RealDjlServing.start(setup)) {
      String answer = generate(server.inference() + "/predictions/exported", export);
      assertTrue(Pattern.compile("\\b\\d+ tokens in ").matcher(answer).find(), () -> answer);
      assertTrue(server.log().contains("OnnxRuntime"), server.log());
    }
  }

  private Path export() throws Exception {
    OnnxRequest request =
        new OnnxRequest(
            OnnxEngine.ONNX_RUNTIME,
            OptionalInt.empty(),
            OptionalInt.empty(),
            OptionalInt.empty(),
            Optional.empty());
    Path model = Repository.path("models/calm-tiny-llama");
    try (Exports exports = Exports.of(model, directory.resolve("cache"))) {
      return exports.write(new OnnxExporter(request), directory.resolve("export"));
    }
  }

  /** Runs the example in a process of its own and returns what it prints. */
  private static String generate(String url, Path export) throws Exception {
    JavaProcess.Result result =
        JavaProcess.of(
                Repository.path("examples/djl-onnxruntime/Generate.java").toString(),
                url,
                export.toString(),
                "The kernel",
                Integer.toString(TOKENS))
            .run();
    assertEquals(0, result.status(), result::toString);
    return result.output();
  }
}
