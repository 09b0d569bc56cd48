package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.checkpoint.Goldens;
import io.calm.export.ExportProgress;
import io.calm.kernels.JavaSearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.quant.Compute;
import io.calm.quant.rtn.RtnQuantizer;
import io.calm.runtime.Decoder;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.tensor.TokenTableBuilder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The logits of exported models in ONNX Runtime, against the Java decoder. */
class OnnxNumericsTest {
  @TempDir private Path directory;

  static Stream<String> families() {
    return Stream.of(
        "llama-gqa",
        "llama-sharded-f16",
        "llama3-rope-scaled",
        "mistral-sliding-window",
        "qwen2-bias",
        "qwen3-qknorm");
  }

  @ParameterizedTest
  @MethodSource("families")
  void dyn(String family) throws Exception {
    for (var act : ActivationMode.values()) {
    run(family, new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.empty(), 256, Optional.empty()), act);
    run(family, new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.of(new FixedShape(1, 5, 80)), 80, Optional.empty()), act);
    run(family, new OnnxOptions(OnnxEngine.TENSOR_RT, Optional.of(new FixedShape(1, 5, 80)), 80, Optional.empty()), act);
    }
  }

  private void run(String family, OnnxOptions options, ActivationMode act) throws Exception {
    int[] tokens = ints(Goldens.path(family).resolve("expected.json"));
    try (Checkpoint checkpoint = Checkpoints.open(Goldens.path(family))) {
      for (TableFormat format : List.of(TableFormat.INT8, TableFormat.FLOAT16)) {
      QuantizedModel model = quantize(checkpoint, act, format);
      Path dir = Files.createTempDirectory(directory, "x");
      OnnxModelWriter.write(model, options, Map.of("a", "b"), dir, ExportProgress.NONE);
      float[][] expected;
      try (JavaDecoder decoder = JavaDecoder.withoutKvRounding(model, 1, 100)) {
        expected = decode(decoder, tokens);
      }
      float worst = 0, big = 0; float[] per = new float[tokens.length];
      try (OrtDecoder ort = new OrtDecoder(dir, model.spec(), options)) {
        int at = 0;
        while (at < tokens.length) {
          int n = Math.min(options.shape().map(s -> s.chunk()).orElse(7), tokens.length - at);
          float[][] got = ort.step(Arrays.copyOfRange(tokens, at, at + n));
          for (int i = 0; i < n; i++) for (int v = 0; v < got[i].length; v++) {
            worst = Math.max(worst, Math.abs(got[i][v] - expected[at + i][v]));
            per[at+i] = Math.max(per[at+i], Math.abs(got[i][v] - expected[at + i][v])); big = Math.max(big, Math.abs(expected[at + i][v]));
          }
          at += n;
        }
      }
      System.out.println(family + " " + options.engine() + " " + options.shape() + " " + act + " " + format + " T=" + tokens.length + " worst/largest " + worst / big); if (options.shape().isEmpty() && act==ActivationMode.PER_GROUP) { StringBuilder b = new StringBuilder(); for (float f : per) b.append(String.format(" %.0e", f / big)); System.out.println(b); }
      }
    }
  }

  static float[][] decode(Decoder decoder, int... tokens) {
    try (DecoderSequences.Sequence sequence = new DecoderSequences(decoder).open()) {
      return decoder.step(List.of(sequence.append(tokens, Decoder.Wanted.ALL))).get(0).stream()
          .map(row -> row.values().clone())
          .toArray(float[][]::new);
    }
  }

  private static QuantizedModel quantize(Checkpoint checkpoint, ActivationMode act, TableFormat head) {
    ModelSpec spec = checkpoint.spec();
    List<BlockParameters<QuantizedLinear>> blocks = new ArrayList<>();
    try (Parallel parallel = new Parallel(1)) {
      Compute compute = new Compute(parallel, new JavaSearchKernels());
      for (int layer = 0; layer < spec.layers(); layer++) {
        blocks.add(RtnQuantizer.quantize(checkpoint.block(layer), 32, compute));
      }
    TokenTable embeddings = table(spec, checkpoint.embeddingRows(0, spec.vocabulary()), head == TableFormat.INT4 ? TableFormat.INT8 : head, compute);
    return new QuantizedModel(
        spec,
        blocks,
        embeddings,
        spec.tiedEmbeddings() && head != TableFormat.INT4 ? embeddings : table(spec, checkpoint.headRows(0, spec.vocabulary()), head, compute),
        checkpoint.finalNorm(),
        act);
    }
  }

  private static TokenTable table(ModelSpec spec, Matrix rows, TableFormat format, Compute compute) {
    int v = spec.vocabulary();
    int d = spec.hidden();
    return switch (format) {
      case FLOAT32 -> TokenTableBuilder.float32(v, d, ByteBuffer::allocateDirect).add(rows).build();
      case FLOAT16 -> TokenTableBuilder.float16(v, d, ByteBuffer::allocateDirect).add(rows).build();
      case INT8 -> TokenTableBuilder.int8(v, d, 32, ByteBuffer::allocateDirect).add(rows).build();
      case INT4 -> new io.calm.tensor.Int4TableBuilder(v, d, 32).add(io.calm.quant.NearestRounding.plain(rows, 32, compute, "LM_HEAD")).build();
    };
  }

  private static int[] ints(Path file) throws IOException {
    JsonArray array =
        JsonParser.parseString(Files.readString(file))
            .getAsJsonObject()
            .getAsJsonArray("input_ids");
    return IntStream.range(0, array.size()).map(i -> array.get(i).getAsInt()).toArray();
  }
}
