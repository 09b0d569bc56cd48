package io.calm.quant.source;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.MixedGguf;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quant.AlgorithmName;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.quant.Rounding;
import io.calm.quant.RoundingProblem;
import io.calm.quant.StageWalk;
import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.Unpacked;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Blocks of a Q4_K file whose v and down are Q6_K, as in Q4_K_M files. */
class SourceQuantizerTest {
  /** Tokens of the walk: more than v has inputs, fewer than down has. */
  private static final int TOKENS = 300;

  private static final Set<LinearRole> OPEN = EnumSet.of(LinearRole.V, LinearRole.DOWN);

  @TempDir private Path directory;
  private final Parallel parallel = new Parallel(2);
  private Sample sample;

  @BeforeEach
  void write() throws IOException {
    Path file =
        MixedGguf.write(
            directory.resolve("mixed.gguf"),
            1,
            Map.of(LinearRole.V, MixedGguf.Type.Q6_K, LinearRole.DOWN, MixedGguf.Type.Q6_K),
            20261127);
    try (Checkpoint checkpoint = Checkpoints.open(file)) {
      Map<LinearRole, QuantizedMatrix> codes = new EnumMap<>(LinearRole.class);
      for (LinearRole role : LinearRole.values()) {
        checkpoint.sourceCodes(0, role).ifPresent(found -> codes.put(role, found));
      }
      sample = new Sample(checkpoint.spec(), checkpoint.block(0), codes);
    }
    assertEquals(EnumSet.complementOf(EnumSet.copyOf(OPEN)), sample.codes.keySet());
  }

  @AfterEach
  void close() {
    parallel.close();
  }

  private void assertOwnCodes(Quantizer.Result result) {
    sample.codes.forEach((role, codes) -> assertSame(codes, result, role));
  }

  private static void assertSame(QuantizedMatrix codes, Quantizer.Result result, LinearRole role) {
    QuantizedMatrix got = Unpacked.of(result.block().linear(role));
    assertArrayEquals(codes.codes(), got.codes(), role.name());
    assertArrayEquals(codes.scales(), got.scales(), role.name());
    assertArrayEquals(codes.minimums(), got.minimums(), role.name());
  }

  @Test
  void theOtherLinearsGetTheirNearestCodes() {
    Quantizer source = new SourceQuantizer();
    assertFalse(source.needsCalibration());
    Quantizer.Result result = source.quantize(sample);
    assertOwnCodes(result);
    for (LinearRole role : OPEN) {
      Matrix weight = sample.block.linear(role);
      assertSame(NearestRounding.plain(weight, 32, sample.compute(), role.name()), result, role);
    }
  }

  @Test
  void theErrorsOfTheWeightsAreStated() {
    Map<String, String> detail = new SourceQuantizer().quantize(sample).detail();
    assertEquals(1 + LinearRole.values().length, detail.size());
    double own = error(detail.get("gate"), "own codes, relative error ");
    assertTrue(own > 1e-5 && own < 1e-3, detail.toString());
    double nearest = error(detail.get("down"), "nearest codes, relative error ");
    assertTrue(nearest > 0.02 && nearest < 0.2, detail.toString());
    String weights = String.valueOf(detail.get("weights"));
    assertTrue(
        weights.matches(
            "own codes: relative error \\S+; nearest codes in v, down: relative error \\S+"),
        weights);
    assertEquals(relativeError(LinearRole.DOWN), nearest, 0.05 * nearest);
  }

  private static double error(@org.jspecify.annotations.Nullable String text, String before) {
    assertTrue(text != null && text.startsWith(before), text);
    return Double.parseDouble(text.substring(before.length()));
  }

  /** Returns the relative error of nearest codes, summed element by element. */
  private double relativeError(LinearRole role) {
    Matrix weight = sample.block.linear(role);
    Matrix rounded = NearestRounding.plain(weight, 32, sample.compute(), role.name()).dequantize();
    double error = 0;
    double norm = 0;
    for (int n = 0; n < weight.rows(); n++) {
      for (int k = 0; k < weight.columns(); k++) {
        error += Math.pow((double) rounded.get(n, k) - weight.get(n, k), 2);
        norm += Math.pow(weight.get(n, k), 2);
      }
    }
    return Math.sqrt(error / norm);
  }

  /** Nearest codes that note the weights they were asked to round. */
  private static final class Recorded implements Quantizer {
    final List<String> problems = new ArrayList<>();

    @Override
    public String name() {
      return "recorded";
    }

    @Override
    public Optional<Rounding> rounding() {
      return Optional.of(
          problem -> {
            Matrix weight = problem.weight();
            problems.add(problem.linearOf(0) + " " + weight.rows() + " x " + weight.columns());
            return NearestRounding.plain(
                weight, problem.group(), problem.compute(), problem.linearOf(0));
          });
    }

    @Override
    public Result quantize(BlockSample block) {
      throw new IllegalStateException("only its rounding is used");
    }
  }

  @Test
  void aCompositionRoundsOnlyTheOtherLinearsStageByStage() {
    Recorded rest = new Recorded();
    Quantizer composed = new SourceQuantizer().composedWith(rest, "source+recorded").orElseThrow();
    assertEquals("source+recorded", composed.name());
    assertTrue(composed.needsCalibration());
    Quantizer.Result result = composed.quantize(sample);
    assertEquals(List.of("V 128 x 256", "DOWN 256 x 512"), rest.problems);
    assertEquals(
        List.of(
            EnumSet.of(LinearRole.Q, LinearRole.K, LinearRole.V),
            EnumSet.of(LinearRole.O),
            EnumSet.of(LinearRole.GATE, LinearRole.UP),
            EnumSet.of(LinearRole.DOWN)),
        sample.advanced);
    assertOwnCodes(result);
    for (LinearRole role : OPEN) {
      assertSame(
          NearestRounding.plain(sample.block.linear(role), 32, sample.compute(), role.name()),
          result,
          role);
    }
    assertTrue(
        String.valueOf(result.detail().get("weights")).contains("; recorded in v, down: "),
        result.detail().toString());
  }

  /** Nearest codes of an algorithm that needs X'X. */
  private static final class WithGram implements Rounding {
    @Override
    public boolean needsGram() {
      return true;
    }

    @Override
    public QuantizedMatrix round(RoundingProblem problem) {
      return NearestRounding.plain(
          problem.weight(), problem.group(), problem.compute(), problem.linearOf(0));
    }
  }

  @Test
  void aCompositionWarnsOfTooFewTokens() {
    Quantizer rest =
        new Quantizer() {
          @Override
          public String name() {
            return "rest";
          }

          @Override
          public Optional<Rounding> rounding() {
            return Optional.of(new WithGram());
          }

          @Override
          public Result quantize(BlockSample block) {
            throw new IllegalStateException("only its rounding is used");
          }
        };
    Map<String, String> detail =
        new SourceQuantizer()
            .composedWith(rest, "source+rest")
            .orElseThrow()
            .quantize(sample)
            .detail();
    String warning = String.valueOf(detail.get("mlp_out-warning"));
    assertTrue(warning.startsWith("300 calibration tokens for 512 inputs: "), detail.toString());
    assertFalse(detail.containsKey("attention_in-warning"), "v has 256 inputs");
  }

  @Test
  void compositionsAreFoundByName() {
    Quantizers quantizers = Quantizers.load();
    assertTrue(quantizers.get(new AlgorithmName("source+gptq")).needsCalibration());
    Quantizer nearest = quantizers.get(new AlgorithmName("source+rtn"));
    assertFalse(nearest.needsCalibration(), "nearest codes need no inputs");
    assertEquals("source+rtn", nearest.name());
    IllegalArgumentException unknown =
        assertThrows(
            IllegalArgumentException.class, () -> quantizers.get(new AlgorithmName("gptq+source")));
    assertTrue(String.valueOf(unknown.getMessage()).contains("source+gptq"), unknown::getMessage);
  }

  /** A block with stored codes, and a walk that only counts. */
  private final class Sample implements BlockSample {
    private final ModelSpec spec;
    private final BlockParameters<Matrix> block;
    private final Map<LinearRole, QuantizedMatrix> codes;
    private final List<Set<LinearRole>> advanced = new ArrayList<>();

    Sample(ModelSpec spec, BlockParameters<Matrix> block, Map<LinearRole, QuantizedMatrix> codes) {
      this.spec = spec;
      this.block = block;
      this.codes = codes;
    }

    @Override
    public ModelSpec spec() {
      return spec;
    }

    @Override
    public BlockParameters<Matrix> block() {
      return block;
    }

    @Override
    public int groupLimit() {
      return 32;
    }

    @Override
    public ActivationMode activation() {
      return ActivationMode.PER_GROUP;
    }

    @Override
    public Optional<QuantizedMatrix> source(LinearRole role) {
      return Optional.ofNullable(codes.get(role));
    }

    @Override
    public StageWalk walk() {
      return new Walk(advanced);
    }

    @Override
    public LinearAlgebra algebra() {
      return new JavaLinearAlgebra();
    }

    @Override
    public Compute compute() {
      return new Compute(parallel, KernelVariants.ofThisMachine().searchKernels());
    }
  }

  private static final class Walk implements StageWalk {
    private final List<Set<LinearRole>> advanced;

    Walk(List<Set<LinearRole>> advanced) {
      this.advanced = advanced;
    }

    @Override
    public Stage stage() {
      return List.of(Stage.values()).get(advanced.size());
    }

    @Override
    public float[] meanAbsolute() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public float[] maxAbsolute() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public float[] meanSquare() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public Matrix sample() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public Matrix heldOutSample() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public int sequences() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public double squaredCorrelations(Matrix gram) {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public int rows() {
      return TOKENS;
    }

    @Override
    public Matrix gram() {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public void divide(float[] scales) {
      throw new IllegalStateException("not asked for");
    }

    @Override
    public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
      advanced.add(EnumSet.copyOf(linears.keySet()));
    }

    @Override
    public void close() {}
  }
}
