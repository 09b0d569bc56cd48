package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import io.calm.checkpoint.Goldens;
import io.calm.export.ExportProgress;
import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.tensor.TableFormat;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An export in DJL's TensorRT engine, on a machine with a GPU and TensorRT 8.4. */
@Tag("gpu")
class TensorRtTest {
  private static final int CHUNK = 4;
  private static final int CONTEXT = 32;

  @TempDir private Path directory;

  @Test
  void theEngineGivesTheDecodersLogits() throws Exception {
    List<String> missing = TensorRtLibraries.missing(System.getenv());
    assumeTrue(missing.isEmpty(), () -> TensorRtLibraries.note(missing));
    assumeTrue(Engine.getEngine("TensorRT").getGpuCount() > 0, "TensorRT has no GPU here");
    OnnxOptions options =
        new OnnxOptions(
            OnnxEngine.TENSOR_RT,
            Optional.of(new FixedShape(1, CHUNK, CONTEXT)),
            CONTEXT,
            Optional.empty());
    QuantizedModel model =
        GoldenModels.model("llama-gqa", ActivationMode.PER_GROUP, TableFormat.INT8);
    OnnxModelWriter.write(model, options, Map.of(), directory, ExportProgress.NONE);
    int[] tokens = Arrays.copyOf(Goldens.tokens("llama-gqa"), CHUNK);
    float[][] expected = OnnxNumericsTest.decode(model, Optional.empty(), tokens);
    Criteria<NDList, NDList> criteria =
        Criteria.builder()
            .setTypes(NDList.class, NDList.class)
            .optEngine("TensorRT")
            .optModelPath(directory)
            .optModelName("model")
            .build();
    try (ZooModel<NDList, NDList> loaded = criteria.loadModel();
        Predictor<NDList, NDList> predictor = loaded.newPredictor()) {
      NDList inputs = inputs(loaded.getNDManager(), model.spec(), tokens);
      NDArray logits =
          predictor.predict(inputs).stream()
              .filter(output -> "logits".equals(output.getName()))
              .findFirst()
              .orElseThrow();
      float[][] got = new float[CHUNK][expected[0].length];
      ByteBuffer content = logits.toByteBuffer().order(ByteOrder.nativeOrder());
      for (float[] row : got) {
        for (int v = 0; v < row.length; v++) {
          row[v] = content.getFloat();
        }
      }
      double error = OnnxNumericsTest.error(expected, got);
      System.out.println("tensorrt: error " + error + " of the largest logit");
      assertTrue(error < 0.1, () -> "error " + error);
    }
  }

  /** Returns tokens, their positions, and an empty cache, in the order of the model's inputs. */
  private static NDList inputs(NDManager manager, ModelSpec spec, int... tokens) {
    Shape chunk = new Shape(1, CHUNK);
    NDList inputs =
        new NDList(
            manager.create(ints(tokens), chunk, DataType.INT32),
            manager.create(ints(0, 1, 2, 3), chunk, DataType.INT32));
    Shape cache = new Shape(1, spec.kvHeads(), CONTEXT, spec.headDim());
    for (int i = 0; i < 2 * spec.layers(); i++) {
      inputs.add(
          manager.create(
              direct(Math.toIntExact(cache.size()) * Float.BYTES), cache, DataType.FLOAT32));
    }
    return inputs;
  }

  private static ByteBuffer ints(int... values) {
    ByteBuffer content = direct(Integer.BYTES * values.length);
    content.asIntBuffer().put(values);
    return content;
  }

  private static ByteBuffer direct(int bytes) {
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }
}
