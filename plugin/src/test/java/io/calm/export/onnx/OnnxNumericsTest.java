package io.calm.export.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Goldens;
import io.calm.export.ExportProgress;
import io.calm.model.ActivationMode;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.RopeSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import io.calm.tensor.TableFormat;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The logits of exported models in ONNX Runtime, against the Java decoder.
 *
 * <p>Both compute the same numbers but for the order of float32 sums. The difference is below 1e-6
 * of the largest logit, until it moves an activation over the border of two int8 codes. From there
 * on a sequence of these small random models differs by some percent. So the tests run many short
 * sequences, and half of them must be without such a code.
 */
class OnnxNumericsTest {
  private static final int WINDOW = 4;
  private static final double BOUND = 1e-3;

  /** A broken graph is off by the size of the logits themselves. */
  private static final double BOUND_AFTER_OTHER_CODES = 0.25;

  private static final OnnxOptions GROWING =
      new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.empty(), 64, Optional.empty());
  private static final FixedShape SHAPE = new FixedShape(1, 3, 48);
  private static final OnnxOptions FIXED =
      new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.of(SHAPE), 48, Optional.empty());
  private static final OnnxOptions TENSOR_RT =
      new OnnxOptions(OnnxEngine.TENSOR_RT, Optional.of(SHAPE), 48, Optional.empty());

  @TempDir private Path directory;

  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#families")
  void logitsOfEveryFamilyAreTheDecoders(String family) throws Exception {
    QuantizedModel model = GoldenModels.model(family, ActivationMode.PER_GROUP, TableFormat.INT8);
    for (OnnxOptions options : List.of(GROWING, FIXED, TENSOR_RT)) {
      compare(family, model, options);
    }
  }

  @ParameterizedTest
  @MethodSource("io.calm.checkpoint.Goldens#families")
  void roundedKeysAndValuesAreTheDecoders(String family) throws Exception {
    QuantizedModel model = GoldenModels.model(family, ActivationMode.PER_GROUP, TableFormat.INT4);
    OnnxOptions options =
        new OnnxOptions(OnnxEngine.ONNX_RUNTIME, Optional.empty(), 64, Optional.of(KvType.FLOAT16));
    compare(family, model, options);
  }

  @ParameterizedTest
  @EnumSource(TableFormat.class)
  void tablesOfEveryFormatAndActivationsPerToken(TableFormat format) throws Exception {
    for (String family : List.of("llama-gqa", "qwen2-bias")) {
      for (ActivationMode activation : ActivationMode.values()) {
        QuantizedModel model = GoldenModels.model(family, activation, format);
        for (OnnxOptions options : List.of(GROWING, TENSOR_RT)) {
          compare(family + " " + activation + " " + format, model, options);
        }
      }
    }
  }

  /** Groups of zeros have the codes 0, not 0 / 0. */
  @Test
  void tokensOfZerosAreTheDecoders() throws Exception {
    String family = "qwen2-bias";
    int[] tokens = Goldens.tokens(family);
    QuantizedModel model =
        GoldenModels.withoutEmbedding(
            GoldenModels.model(family, ActivationMode.PER_GROUP, TableFormat.INT8), tokens[0]);
    for (OnnxOptions options : List.of(GROWING, TENSOR_RT)) {
      compare("zeros", model, tokens, options);
    }
  }

  /**
   * Inputs that fill no group, odd numbers of outputs and tokens, biases, q and k norms, a window.
   */
  @Test
  void oddSizes() throws Exception {
    RopeSpec rope = new RopeSpec(10000f, new RopeSpec.None());
    ModelSpec spec =
        RandomModels.spec(
            5, 5, 10, rope, EnumSet.of(LinearRole.Q, LinearRole.DOWN, LinearRole.O), true, 3);
    QuantizedModel model = RandomModels.model(spec, 64, ActivationMode.PER_GROUP, new Random(11));
    int[] tokens = new Random(12).ints(48, 0, spec.vocabulary()).toArray();
    for (OnnxOptions options : List.of(GROWING, FIXED, TENSOR_RT)) {
      compare("odd sizes", model, tokens, options);
    }
  }

  /** Compares the windows of a golden, of which half must be within {@link #BOUND}. */
  private void compare(String what, QuantizedModel model, OnnxOptions options) throws Exception {
    compare(what, model, Goldens.tokens(what.split(" ", -1)[0]), options);
  }

  private void compare(String what, QuantizedModel model, int[] tokens, OnnxOptions options)
      throws Exception {
    Path export = Files.createTempDirectory(directory, "export");
    OnnxModelWriter.write(model, options, Map.of(), export, ExportProgress.NONE);
    double[] errors = new double[tokens.length / WINDOW];
    try (OrtModel exported = new OrtModel(export, model.spec(), options)) {
      for (int i = 0; i < errors.length; i++) {
        int[] window = Arrays.copyOfRange(tokens, i * WINDOW, (i + 1) * WINDOW);
        errors[i] = error(decode(model, options.keys(), window), exported.decode(3, window));
      }
    }
    long equal = Arrays.stream(errors).filter(error -> error <= BOUND).count();
    String figures =
        "%s, %s, %s: %d of %d windows within 1e-3, median %.1e, largest %.1e"
            .formatted(
                what,
                options.engine().djlName(),
                options.shape().isPresent() ? "fixed" : "growing",
                equal,
                errors.length,
                Arrays.stream(errors).sorted().toArray()[errors.length / 2],
                Arrays.stream(errors).max().orElseThrow());
    System.out.println("onnx: " + figures);
    assertTrue(2 * equal >= errors.length, figures);
    assertTrue(Arrays.stream(errors).allMatch(error -> error < BOUND_AFTER_OTHER_CODES), figures);
  }

  /** Returns the Java decoder's logits of each token. */
  static float[][] decode(QuantizedModel model, Optional<KvType> keys, int... tokens) {
    try (Decoder decoder =
            keys.isPresent()
                ? new JavaDecoder(model, keys.get(), 1, 2)
                : JavaDecoder.withoutKvRounding(model, 1, 2);
        DecoderSequences.Sequence sequence = new DecoderSequences(decoder).open()) {
      return decoder.step(List.of(sequence.append(tokens, Decoder.Wanted.ALL))).get(0).stream()
          .map(row -> row.values().clone())
          .toArray(float[][]::new);
    }
  }

  /** Returns the largest difference as a part of the largest logit. */
  static double error(float[][] expected, float[][] got) {
    double worst = 0;
    double largest = 0;
    for (int t = 0; t < expected.length; t++) {
      for (int v = 0; v < expected[t].length; v++) {
        worst = Math.max(worst, Math.abs((double) expected[t][v] - got[t][v]));
        largest = Math.max(largest, Math.abs(expected[t][v]));
      }
    }
    return worst / largest;
  }
}
