package io.calm.export.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import io.calm.model.ModelSpec;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** Runs one sequence through an exported model in ONNX Runtime on the processor. */
final class OrtDecoder implements AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OrtSession.SessionOptions settings = new OrtSession.SessionOptions();
  private final OrtSession session;
  private final ModelSpec spec;
  private final OnnxOptions options;
  private final Map<String, OnnxTensor> cache = new HashMap<>();
  private Optional<OrtSession.Result> last = Optional.empty();
  private int length;

  OrtDecoder(Path directory, ModelSpec spec, OnnxOptions options) throws OrtException {
    this.spec = spec;
    this.options = options;
    settings.setIntraOpNumThreads(1);
    settings.setInterOpNumThreads(1);
    session =
        environment.createSession(directory.resolve(OnnxModelWriter.GRAPH).toString(), settings);
    int positions = options.shape().map(FixedShape::context).orElse(0);
    for (String name : session.getInputNames()) {
      if (name.startsWith("past_key_values.")) {
        cache.put(name, zeros(positions));
      }
    }
  }

  private OnnxTensor zeros(int positions) throws OrtException {
    long[] shape = {1, spec.kvHeads(), positions, spec.headDim()};
    int size = spec.kvHeads() * positions * spec.headDim();
    if (options.cacheType() == OnnxType.FLOAT16) {
      ByteBuffer zeros = ByteBuffer.allocateDirect(2 * size).order(ByteOrder.nativeOrder());
      return OnnxTensor.createTensor(environment, zeros, shape, OnnxJavaType.FLOAT16);
    }
    return OnnxTensor.createTensor(environment, FloatBuffer.allocate(size), shape);
  }

  /** Returns the logits of each token. A fixed chunk is filled with padding. */
  float[][] step(int... tokens) throws OrtException {
    Map<String, OnnxTensor> inputs = new HashMap<>(cache);
    Optional<FixedShape> shape = options.shape();
    if (shape.isPresent()) {
      int[] ids = IntStream.range(0, shape.get().chunk())
          .map(i -> i < tokens.length ? tokens[i] : 0).toArray();
      int end = shape.get().context() - 1;
      int[] positions = IntStream.range(0, ids.length).map(i -> Math.min(length + i, end)).toArray();
      inputs.put("input_ids", ints(ids));
      inputs.put("position_ids", ints(positions));
    } else {
      inputs.put("input_ids", longs(IntStream.of(tokens).asLongStream()));
      inputs.put("position_ids", longs(LongStream.range(length, length + tokens.length)));
      inputs.put("attention_mask", longs(LongStream.range(0, length + tokens.length).map(i -> 1)));
    }
    OrtSession.Result result = session.run(inputs);
    for (String name : session.getOutputNames()) {
      if (name.startsWith("present.")) {
        cache.put(
            name.replace("present.", "past_key_values."),
            (OnnxTensor) result.get(name).orElseThrow());
      }
    }
    last.ifPresent(OrtSession.Result::close);
    last = Optional.of(result);
    length += tokens.length;
    FloatBuffer logits = ((OnnxTensor) result.get("logits").orElseThrow()).getFloatBuffer();
    float[][] rows = new float[tokens.length][spec.vocabulary()];
    for (float[] row : rows) {
      logits.get(row);
    }
    return rows;
  }

  private OnnxTensor ints(int... values) throws OrtException {
    return OnnxTensor.createTensor(
        environment, IntBuffer.wrap(values), new long[] {1, values.length});
  }

  private OnnxTensor longs(LongStream values) throws OrtException {
    long[] array = values.toArray();
    return OnnxTensor.createTensor(
        environment, LongBuffer.wrap(array), new long[] {1, array.length});
  }

  @Override
  public void close() throws OrtException {
    last.ifPresent(OrtSession.Result::close);
    session.close();
    settings.close();
  }
}
