package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The sums over the input of a block's current stage, and samples of it, that algorithms are fitted
 * on. Tokens count with their {@link TokenWeights}. Statistics and correlations are computed once.
 * It is valid until the input is divided, or the pass goes on to the next stage or is closed.
 */
public final class StageSums {
  /** Its multiples are spread evenly between whole numbers. */
  private static final double GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

  private final BlockPass pass;
  private final TorchRuntime runtime;
  private final StageProducts products;
  private final BlockOperations operations;
  private final TokenWeights tokens;
  private final Stage stage;
  private final List<NDArray> inputs;
  private final int width;
  private Optional<ColumnStatistics> statistics = Optional.empty();
  private OptionalDouble squaredCorrelations = OptionalDouble.empty();

  StageSums(
      BlockPass pass,
      TorchRuntime runtime,
      StageProducts products,
      BlockOperations operations,
      TokenWeights tokens) {
    this.pass = pass;
    this.runtime = runtime;
    this.products = products;
    this.operations = operations;
    this.tokens = tokens;
    this.stage = pass.stage().orElseThrow();
    this.inputs = pass.inputs();
    this.width = pass.width();
  }

  /** Returns the statistics of the K columns of the current input, before rounding. */
  public ColumnStatistics statistics() {
    if (statistics.isEmpty()) {
      statistics = Optional.of(products.statistics(inputs, tokens, width));
    }
    return statistics.get();
  }

  /**
   * Returns {@code count} rows (or half of all, if they are fewer than twice as many) of the
   * current input, [n, K]. They are spread over all positions of the sequences. The caller closes
   * it.
   *
   * @param other whether the rows are those of the other sample, which shares none with the first
   *     if there are two rows or more
   */
  public Matrix sample(int count, boolean other) {
    int rows = pass.rows();
    int wanted = Math.max(1, Math.min(count, rows / 2));
    try (Owned opening = new Owned()) {
      Matrix sample = Matrix.allocate(wanted, width);
      opening.add(sample, sample::close);
      float[] row = new float[width];
      int first = 0;
      int taken = 0;
      for (int chunk = 0; chunk < inputs.size(); chunk++) {
        NDArray x = inputs.get(chunk);
        int here = Math.toIntExact(x.size() / width);
        try (Matrix view = runtime.view(x, here, width)) {
          while (taken < wanted && sampledRow(taken, wanted, rows, other) < first + here) {
            int token = sampledRow(taken, wanted, rows, other) - first;
            view.readRow(token, row);
            scale(row, tokens.factor(chunk, token));
            sample.writeRow(taken++, row);
          }
        }
        first += here;
      }
      opening.handOver();
      return sample;
    }
  }

  /**
   * Returns the row of a sample: one of each of {@code count} equal ranges of rows. Evenly spaced
   * rows would all be first tokens if the spacing were a multiple of the sequences' length, so the
   * place in its range follows multiples of the golden ratio. The other sample's rows lie half a
   * range away.
   */
  static int sampledRow(int index, int count, int rows, boolean other) {
    int from = Math.toIntExact((long) index * rows / count);
    int end = Math.toIntExact((index + 1L) * rows / count);
    double at = index * GOLDEN_RATIO + (other ? 0.5 : 0);
    return from + (int) ((at - Math.floor(at)) * (end - from));
  }

  private static void scale(float[] row, float factor) {
    for (int k = 0; k < row.length; k++) {
      row[k] *= factor;
    }
  }

  /**
   * Returns X'X [K, K] of the current input as the linears will see it, rounded. The caller closes
   * it.
   */
  public Matrix gram() {
    return products.gram(inputs, tokens, width, pass.rounding());
  }

  /**
   * Returns the squared correlations of each single sequence, summed over sequences.
   *
   * @param gram of {@link #gram}, [K, K]
   */
  public double squaredCorrelations(Matrix gram) {
    if (squaredCorrelations.isEmpty()) {
      squaredCorrelations = OptionalDouble.of(sumOfSquaredCorrelations(gram));
    }
    return squaredCorrelations.getAsDouble();
  }

  private double sumOfSquaredCorrelations(Matrix gram) {
    double sum = 0;
    SequenceCorrelations correlations = new SequenceCorrelations(runtime, products, gram);
    for (int chunk = 0; chunk < inputs.size(); chunk++) {
      try (NDArray rounded = pass.rounded(inputs.get(chunk));
          NDArray weighted = tokens.weighted(products, chunk, rounded)) {
        sum += correlations.of(weighted);
      }
    }
    return sum;
  }

  /**
   * Returns the sum over all rows, each times the square of its token's weight, of {@code (W x + r
   * - W x^ - r^) x^'}, [N, K]. x^ is the current input as the linears will see it, rounded, and x
   * that of the full-precision block on the same tokens. r and r^ are the residual streams, for
   * linears whose output is added to them. The deviation of a token is {@linkplain
   * TokenWeights#weightedForDeviation limited}. The caller closes it.
   *
   * @param full the full-precision block, which is advanced to the stage
   * @param weight W of linears of the stage, [N, K], with columns multiplied by what the current
   *     input was divided by
   */
  public Matrix deviation(StageInputs full, Matrix weight) {
    full.advanceTo(stage);
    return stage.addsToResidual() ? outputDeviation(full, weight) : inputDeviation(full, weight);
  }

  /**
   * Returns the deviation of o or down. The sum runs over outputs, [N, K]: one over the inputs of
   * down would be [K, K], several times as large.
   */
  private Matrix outputDeviation(StageInputs full, Matrix weight) {
    LinearRole role = stage.linears().get(0);
    Map<LinearRole, Matrix> weights = Map.of(role, weight);
    try (Owned opened = new Owned();
        StageProducts.Linears linear = products.weights(List.of(role), weights, Map.of())) {
      Matrix sum = zeros(opened, weight.rows(), weight.columns());
      for (int i = 0; i < inputs.size(); i++) {
        try (Owned chunk = new Owned();
            NDArray rounded = pass.rounded(inputs.get(i));
            NDArray moved = moved(full.input(stage, i), rounded)) {
          NDArray output = linear.multiply(role, moved);
          chunk.add(output, output::close);
          NDArray target = operations.add(output, full.residual(stage, i));
          chunk.add(target, target::close);
          try (NDArray deviation = products.difference(target, pass.residuals().get(i));
              NDArray weighted = tokens.weightedForDeviation(products, i, rounded, deviation)) {
            products.addCross(sum, deviation, weighted);
          }
        }
      }
      opened.handOver();
      return sum;
    }
  }

  /** Returns {@code x}, divided as the current input was, minus {@code rounded}. */
  private NDArray moved(NDArray x, NDArray rounded) {
    try (Owned opening = new Owned()) {
      NDArray quotient = products.quotient(x, pass.divisors());
      opening.add(quotient, quotient::close);
      NDArray difference = products.difference(quotient, rounded);
      opening.handOver();
      return difference;
    }
  }

  /**
   * Returns the deviation of q, k and v, or of gate and up: W times the sum of {@code (x - x^)
   * x^'}, [K, K], which has fewer rows than these linears together.
   */
  private Matrix inputDeviation(StageInputs full, Matrix weight) {
    try (Owned opened = new Owned();
        Owned result = new Owned()) {
      Matrix cross = zeros(opened, width, width);
      for (int i = 0; i < inputs.size(); i++) {
        try (NDArray rounded = pass.rounded(inputs.get(i));
            NDArray deviation = moved(full.input(stage, i), rounded);
            NDArray weighted = tokens.weightedForDeviation(products, i, rounded, deviation)) {
          products.addCross(cross, deviation, weighted);
        }
      }
      Matrix sum = Matrix.allocate(weight.rows(), weight.columns());
      result.add(sum, sum::close);
      runtime.addProduct(sum, 1, weight, cross);
      result.handOver();
      return sum;
    }
  }

  /** Returns zeros of which {@code owner} takes care. */
  private Matrix zeros(Owned owner, int rows, int columns) {
    Matrix zeros = runtime.zeros(rows, columns);
    return owner.add(zeros, zeros::close);
  }
}
