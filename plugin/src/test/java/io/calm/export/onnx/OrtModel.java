package io.calm.export.onnx;

import ai.djl.engine.Engine;
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
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;

/** An exported model in ONNX Runtime on the processor. */
final class OrtModel implements AutoCloseable {
  private static final String PAST = "past_key_values.";
  private static final String PRESENT = "present.";

  private final OrtEnvironment environment = environment();
  private final OrtSession.SessionOptions settings = new OrtSession.SessionOptions();
  private final OrtSession session;
  private final ModelSpec spec;
  private final OnnxOptions options;

  /** Returns the environment of DJL's engine, which must be the first to ask for it. */
  static OrtEnvironment environment() {
    Engine.getEngine("OnnxRuntime");
    return OrtEnvironment.getEnvironment();
  }

  OrtModel(Path directory, ModelSpec spec, OnnxOptions options) throws OrtException {
    this.spec = spec;
    this.options = options;
    settings.setIntraOpNumThreads(1);
    settings.setInterOpNumThreads(1);
    session =
        environment.createSession(directory.resolve(OnnxModelWriter.GRAPH).toString(), settings);
  }

  /**
   * Returns the logits of each token of a sequence.
   *
   * @param chunk tokens per run
   */
  float[][] decode(int chunk, int... tokens) throws OrtException {
    float[][] rows = new float[tokens.length][];
    try (Sequence sequence = new Sequence()) {
      for (int from = 0; from < tokens.length; from += chunk) {
        int to = Math.min(tokens.length, from + chunk);
        float[][] part = sequence.step(Arrays.copyOfRange(tokens, from, to));
        System.arraycopy(part, 0, rows, from, part.length);
      }
    }
    return rows;
  }

  @Override
  public void close() throws OrtException {
    session.close();
    settings.close();
  }

  /** One sequence and its keys and values. */
  final class Sequence implements AutoCloseable {
    private final Map<String, OnnxTensor> cache = new HashMap<>();
    private Optional<OrtSession.Result> last = Optional.empty();
    private int length;

    Sequence() throws OrtException {
      int positions = options.shape().map(FixedShape::context).orElse(0);
      for (String name : session.getInputNames()) {
        if (name.startsWith(PAST)) {
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

    /** Runs the next tokens and returns their logits. A fixed chunk is filled with padding. */
    float[][] step(int... tokens) throws OrtException {
      OrtSession.Result result = session.run(inputs(tokens));
      for (String name : session.getOutputNames()) {
        if (name.startsWith(PRESENT)) {
          cache.put(name.replace(PRESENT, PAST), (OnnxTensor) result.get(name).orElseThrow());
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

    private Map<String, OnnxTensor> inputs(int... tokens) throws OrtException {
      Map<String, OnnxTensor> inputs = new HashMap<>(cache);
      if (options.shape().isPresent()) {
        FixedShape shape = options.shape().get();
        int[] ids = Arrays.copyOf(tokens, shape.chunk());
        int end = shape.context() - 1;
        int[] positions =
            IntStream.range(length, length + ids.length).map(i -> Math.min(i, end)).toArray();
        inputs.put("input_ids", ints(ids));
        inputs.put("position_ids", ints(positions));
      } else {
        int total = length + tokens.length;
        inputs.put("input_ids", longs(IntStream.of(tokens).asLongStream()));
        inputs.put("position_ids", longs(LongStream.range(length, total)));
        inputs.put("attention_mask", longs(LongStream.range(0, total).map(i -> 1)));
      }
      return inputs;
    }

    @Override
    public void close() {
      last.ifPresent(OrtSession.Result::close);
    }
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
}
