package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.export.ExportProgress;
import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.runtime.KvType;
import io.calm.tensor.TableFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Exported models in {@code onnx.checker}, with types and shapes inferred. */
@Tag("python")
class OnnxCheckerTest {
  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "");
  private static final String CHECK =
      "import onnx, sys; [onnx.checker.check_model(f, full_check=True) for f in sys.argv[1:]]";

  @TempDir private Path directory;

  @Test
  void acceptsEveryFormOfAModel() throws Exception {
    assumeTrue(
        !PYTHON.isEmpty() && python("import onnx; onnx.checker") == 0,
        "no Python with onnx: set CALM_TEST_PYTHON to one that has the package");
    Optional<FixedShape> shape = Optional.of(new FixedShape(2, 3, 16));
    for (OnnxOptions options :
        List.of(
            new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.empty(), 64, Optional.empty()),
            new OnnxOptions(OnnxEngine.ONNX_RUNTIME, shape, 16, Optional.of(KvType.FLOAT16)),
            new OnnxOptions(OnnxEngine.TENSOR_RT, shape, 16, Optional.empty()))) {
      for (String family : List.of("mistral-sliding-window", "qwen2-bias", "qwen3-qknorm")) {
        for (TableFormat format : TableFormat.values()) {
          QuantizedModel model = GoldenModels.model(family, ActivationMode.PER_GROUP, format);
          Path export = Files.createTempDirectory(directory, "export");
          OnnxModelWriter.write(model, options, Map.of("a", "b"), export, ExportProgress.NONE);
          assertEquals(
              0,
              python(CHECK, export.resolve(OnnxModelWriter.GRAPH).toString()),
              family + " " + format + " " + options);
        }
      }
    }
  }

  private static int python(String program, String... arguments)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(PYTHON, "-c", program);
    builder.command().addAll(List.of(arguments));
    return builder.inheritIO().start().waitFor();
  }
}
