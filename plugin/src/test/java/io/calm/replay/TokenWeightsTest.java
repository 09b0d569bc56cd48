package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.JavaSearchKernels;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.runtime.RandomModels;
import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import io.calm.testing.DequantizedBlock;
import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The sums that o and down are fitted on, over tokens of which one is an attention sink. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // opened before the first test
class TokenWeightsTest {
  private static final int WINDOWS = 2;
  private static final int LENGTH = 24;
  private static final int SINK = 24; // the first token of the second window
  private static final double THRESHOLD = 20;
  private static final BlockPass.InputRounding ROUNDING =
      new BlockPass.InputRounding(ActivationMode.PER_GROUP, 32);
  private final QuantizedModel model =
      RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(4));
  private final ModelSpec spec = model.spec();
  private TorchRuntime torch;
  private BlockParameters<Matrix> block;

  @BeforeAll
  void open() {
    torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
    block = DequantizedBlock.of(model.blocks().get(0));
  }

  @AfterAll
  void close() {
    block.linears().values().forEach(Matrix::close);
    torch.close();
  }

  /** Returns a chunk per window; the sink is {@code factor} times as large as the other tokens. */
  private HiddenStates states(TorchRuntime runtime, Random random, float factor) {
    float[] all = new float[WINDOWS * LENGTH * spec.hidden()];
    for (int i = 0; i < all.length; i++) {
      all[i] = (float) random.nextGaussian() * (i / spec.hidden() == SINK ? factor : 1);
    }
    int half = all.length / 2;
    Shape shape = new Shape(1, LENGTH, spec.hidden());
    return new HiddenStates(
        runtime,
        List.of(
            runtime.manager().create(Arrays.copyOf(all, half), shape),
            runtime.manager().create(Arrays.copyOfRange(all, half, all.length), shape)));
  }

  @Test
  void sinksAreScaledByPowersOfTwoToAboutTheMedianNorm() {
    Random random = new Random(Seeds.of(5));
    for (float factor : new float[] {25, 900, 1e6f}) {
      try (HiddenStates states = states(torch, random, factor)) {
        TokenWeights weights = TokenWeights.ofStream(torch.products(), states.chunks(), THRESHOLD);
        double[] norms = norms(states);
        double median = RowNorms.median(norms);
        for (int t = 0; t < WINDOWS * LENGTH; t++) {
          float weight = weights.factor(t / LENGTH, t % LENGTH);
          if (t == SINK) {
            assertEquals(Math.scalb(1f, Math.getExponent(weight)), weight);
            double norm = weight * norms[t];
            assertTrue(norm >= median / 2 && norm < median, "norm %s".formatted(norm / median));
          } else {
            assertEquals(1, weight);
          }
        }
      }
    }
  }

  private static double[] norms(HiddenStates states) {
    try (Matrix rows = states.toMatrix()) {
      return RowNorms.of(rows);
    }
  }

  @Test
  void withoutSinksActivationsStayTheSame() {
    try (HiddenStates states = states(torch, new Random(3), 15);
        HiddenStates sink = states(torch, new Random(3), 1000)) {
      for (TokenWeights weights :
          List.of(
              TokenWeights.equal(),
              TokenWeights.ofStream(torch.products(), states.chunks(), THRESHOLD),
              TokenWeights.ofStream(torch.products(), sink.chunks(), 0))) {
        NDArray x = sink.chunks().get(1);
        try (NDArray copy = weights.scaled(torch.products(), 1, x)) {
          assertArrayEquals(x.toFloatArray(), copy.toFloatArray());
        }
      }
    }
  }

  @Test
  void sumsCountASinkLikeAnotherToken() {
    requireSums(torch, 1000, 1000);
  }

  @Test
  void aSinkOfOneStreamAloneHardlyDeviates() {
    requireSums(torch, 1, 1000);
    requireSums(torch, 1000, 1);
  }

  @Test
  void sumsOfTheEngineToo() {
    try (TorchRuntime engine = TorchRuntime.open(2, new JavaSearchKernels())) {
      requireSums(engine, 1000, 1000);
      requireSums(engine, 1, 1000);
    }
  }

  @Test
  void copiesAndFoldedInputsCountASinkLikeTheirOriginal() {
    float[] twos = new float[spec.inputs(Stage.ATTENTION_OUT)];
    Arrays.fill(twos, 2);
    try (HiddenStates states = states(torch, new Random(9), 1000);
        BlockPass equal = new BlockPass(states, spec, 0, block, Optional.of(ROUNDING), 0);
        BlockPass pass = new BlockPass(states, spec, 0, block, Optional.of(ROUNDING), THRESHOLD)) {
      equal.advance(block.linears(), block.biases());
      pass.advance(block.linears(), block.biases());
      try (BlockPass folded = pass.fork();
          Matrix unweighted = equal.sums().gram();
          Matrix gram = pass.sums().gram();
          BlockPass copy = pass.fork();
          Matrix copied = copy.sums().gram()) {
        assertNotEquals(unweighted.get(0, 0), gram.get(0, 0), "the sink counts less");
        folded.divide(twos);
        requireMultiple(1, gram, copied);
        try (Matrix quarter = folded.sums().gram()) {
          requireMultiple(0.25f, gram, quarter);
        }
      }
    }
  }

  private static void requireMultiple(float factor, Matrix expected, Matrix actual) {
    for (int row = 0; row < expected.rows(); row++) {
      for (int column = 0; column < expected.columns(); column++) {
        assertEquals(factor * expected.get(row, column), actual.get(row, column));
      }
    }
  }

  private void requireSums(TorchRuntime runtime, float factor, float fullFactor) {
    try (HiddenStates quantized = states(runtime, new Random(7), factor);
        HiddenStates full = states(runtime, new Random(8), fullFactor);
        BlockPass pass =
            new BlockPass(quantized, spec, 0, block, Optional.of(ROUNDING), THRESHOLD)) {
      for (Stage stage : Stage.values()) {
        try (StageInputs inputs = StageInputs.of(full, spec, 0, block)) {
          inputs.advanceTo(stage);
          requireSums(runtime, pass, inputs, stage, factor < fullFactor);
        }
        pass.advance(block.linears(), block.biases());
      }
    }
  }

  private void requireSums(
      TorchRuntime runtime, BlockPass pass, StageInputs full, Stage stage, boolean inFullAlone) {
    int width = spec.inputs(stage);
    double[][] raw = rows(pass.inputs(), width, false);
    double[][] rounded = rows(pass.inputs(), width, true);
    double[][] expected = rows(List.of(full.input(stage, 0), full.input(stage, 1)), width, false);
    double[][] residual = rows(pass.residuals(), spec.hidden(), false);
    double[][] expectedResidual =
        rows(List.of(full.residual(stage, 0), full.residual(stage, 1)), spec.hidden(), false);
    TokenWeights weights =
        stage.addsToResidual()
            ? TokenWeights.ofStream(runtime.products(), pass.residuals(), THRESHOLD)
            : TokenWeights.equal();
    double sinkWeight = weights.factor(1, 0);
    boolean weighs = stage.addsToResidual();
    assertEquals(weighs && isSink(pass), sinkWeight < 0.01, stage + ": the sink counts less");

    double[] squares = new double[rounded.length];
    Arrays.fill(squares, 1);
    squares[SINK] = sinkWeight * sinkWeight;
    try (Matrix gram = pass.sums().gram();
        Matrix sample = pass.sums().sample(WINDOWS * LENGTH, false)) {
      requireClose(stage + ": X'X", cross(rounded, rounded, squares), gram);
      requireSquaredCorrelations(pass, gram, rounded, sinkWeight, stage);
      for (int i = 0; i < sample.rows(); i++) {
        int token = StageSums.sampledRow(i, sample.rows(), WINDOWS * LENGTH, false);
        float[] row = new float[width];
        sample.readRow(i, row);
        for (int k = 0; k < width; k++) {
          assertEquals((float) (raw[token][k] * (token == SINK ? sinkWeight : 1)), row[k]);
        }
      }
    }
    Matrix weight = block.linears().get(stage.linears().get(0));
    double[][] shift = products(difference(expected, rounded), weight);
    if (stage.addsToResidual()) {
      double[][] inherited = difference(expectedResidual, residual);
      for (int t = 0; t < shift.length; t++) {
        for (int n = 0; n < shift[t].length; n++) {
          shift[t][n] += inherited[t][n];
        }
      }
    }
    double[] limited =
        limited(stage.addsToResidual() ? shift : difference(expected, rounded), squares);
    if (inFullAlone && stage == Stage.ATTENTION_OUT) {
      assertTrue(limited[SINK] < 0.1 * squares[SINK], "the deviation of the sink is limited");
    }
    try (Matrix deviation = pass.sums().deviation(full, weight)) {
      requireClose(stage + ": deviation", cross(shift, rounded, limited), deviation);
    }
    ColumnStatistics statistics = pass.sums().statistics();
    for (int k = 0; k < width; k++) {
      double square = 0;
      for (int t = 0; t < raw.length; t++) {
        square += squares[t] * raw[t][k] * raw[t][k];
      }
      assertEquals(square / raw.length, statistics.meanSquare()[k], 1e-4 * square / raw.length);
    }
  }

  /** Returns whether the sink is one in the residual stream of the pass. */
  private boolean isSink(BlockPass pass) {
    double[][] residual = rows(pass.residuals(), spec.hidden(), false);
    return norm(residual[SINK]) > THRESHOLD * norm(residual[SINK + 1]);
  }

  private static double norm(double[] row) {
    return Math.sqrt(Arrays.stream(row).map(x -> x * x).sum());
  }

  /** Returns squared weights that let no token deviate by more than four medians of its chunk. */
  private static double[] limited(double[][] deviation, double[] squares) {
    double[] limited = squares.clone();
    for (int from = 0; from < squares.length; from += LENGTH) {
      double[] norms = new double[LENGTH];
      for (int t = 0; t < LENGTH; t++) {
        norms[t] = norm(deviation[from + t]) * Math.sqrt(squares[from + t]);
      }
      double[] factors = DeviationLimit.factors(norms);
      for (int t = 0; t < LENGTH; t++) {
        limited[from + t] *= factors[t];
      }
    }
    return limited;
  }

  private static void requireSquaredCorrelations(
      BlockPass pass, Matrix gram, double[][] rounded, double sinkWeight, Stage stage) {
    double expected = squaredCorrelations(gram, rounded, sinkWeight);
    assertEquals(WINDOWS, pass.sequences());
    assertEquals(
        expected, pass.sums().squaredCorrelations(gram), 1e-4 * expected, stage.toString());
  }

  /** The elements of each window's own X'X, divided by the roots of the diagonal of all. */
  private static double squaredCorrelations(Matrix gram, double[][] rows, double sinkWeight) {
    double sum = 0;
    for (int window = 0; window < WINDOWS; window++) {
      double[] squares = new double[rows.length];
      Arrays.fill(squares, window * LENGTH, (window + 1) * LENGTH, 1);
      if (window == 1) {
        squares[SINK] = sinkWeight * sinkWeight;
      }
      double[][] own = cross(rows, rows, squares);
      for (int i = 0; i < own.length; i++) {
        for (int j = 0; j < own.length; j++) {
          double product = (double) gram.get(i, i) * gram.get(j, j);
          sum += i == j || product == 0 ? 0 : own[i][j] * own[i][j] / product;
        }
      }
    }
    return sum;
  }

  @Test
  void theCorrelationsOfAStreamAreThoseOfItsWindows() {
    try (TorchRuntime engine = TorchRuntime.open(2, new JavaSearchKernels())) {
      for (TorchRuntime runtime : List.of(torch, engine)) {
        try (HiddenStates states = states(runtime, new Random(9), 2);
            Matrix gram = states.gram()) {
          double[][] rows = rows(states.chunks(), spec.hidden(), false);
          double expected = squaredCorrelations(gram, rows, 1);
          assertEquals(WINDOWS, states.windows());
          assertEquals(expected, states.squaredCorrelations(gram), 1e-4 * expected);
        }
      }
    }
  }

  private static double[][] rows(List<NDArray> chunks, int width, boolean round) {
    double[][] rows = new double[WINDOWS * LENGTH][width];
    int at = 0;
    for (NDArray chunk : chunks) {
      try (Matrix copy = Matrix.allocate(LENGTH, width)) {
        float[] all = chunk.toFloatArray();
        for (int t = 0; t < LENGTH; t++) {
          copy.writeRow(t, Arrays.copyOfRange(all, t * width, (t + 1) * width));
        }
        if (round) {
          new JavaSearchKernels().roundInputs(copy, 0, LENGTH, ROUNDING.step(width));
        }
        float[] row = new float[width];
        for (int t = 0; t < LENGTH; t++) {
          copy.readRow(t, row);
          for (int k = 0; k < width; k++) {
            rows[at][k] = row[k];
          }
          at++;
        }
      }
    }
    return rows;
  }

  /** Returns the products of rows [T, K] and a weight [N, K], [T, N]. */
  private static double[][] products(double[][] rows, Matrix weight) {
    double[][] products = new double[rows.length][weight.rows()];
    for (int t = 0; t < rows.length; t++) {
      for (int n = 0; n < weight.rows(); n++) {
        for (int k = 0; k < weight.columns(); k++) {
          products[t][n] += rows[t][k] * weight.get(n, k);
        }
      }
    }
    return products;
  }

  private static double[][] difference(double[][] a, double[][] b) {
    double[][] difference = new double[a.length][a[0].length];
    for (int t = 0; t < a.length; t++) {
      for (int k = 0; k < a[t].length; k++) {
        difference[t][k] = a[t][k] - b[t][k];
      }
    }
    return difference;
  }

  /** Returns the sum over tokens of {@code weight a b'}. */
  private static double[][] cross(double[][] a, double[][] b, double[] weights) {
    double[][] sum = new double[a[0].length][b[0].length];
    for (int t = 0; t < a.length; t++) {
      for (int i = 0; i < sum.length; i++) {
        for (int j = 0; j < sum[i].length; j++) {
          sum[i][j] += weights[t] * a[t][i] * b[t][j];
        }
      }
    }
    return sum;
  }

  private static void requireClose(String what, double[][] expected, Matrix got) {
    double largest = 0;
    double error = 0;
    float[] row = new float[got.columns()];
    for (int i = 0; i < expected.length; i++) {
      got.readRow(i, row);
      for (int j = 0; j < row.length; j++) {
        largest = Math.max(largest, Math.abs(expected[i][j]));
        error = Math.max(error, Math.abs(expected[i][j] - row[j]));
      }
    }
    assertTrue(error <= 1e-5 * largest, "%s: error %s of %s".formatted(what, error, largest));
  }
}
