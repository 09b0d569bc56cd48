package io.calm.quant;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.model.Stage;
import io.calm.tensor.JavaLinearAlgebra;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * One linear with its inputs, dressed as a stage of a block, the last unless its inputs are tied,
 * so that roundings and folds can be tried on plain matrices.
 */
final class LinearStage implements BlockSample, StageWalk {
  private final Matrix weight; // [N, K]
  private final Matrix inputs; // [T, K], divided by folds
  private final int groupLimit;
  private final Optional<Matrix> fullInputs; // [T, K] in full precision, if they differ
  private final Parallel parallel = new Parallel(2);
  private int tokens;
  private Optional<Matrix> heldOut = Optional.empty();
  private Stage stage = Stage.MLP_OUT;
  private ActivationMode activation = ActivationMode.PER_GROUP;
  private SearchKernels kernels = KernelVariants.ofThisMachine().searchKernels();

  LinearStage(Matrix weight, Matrix inputs, int groupLimit) {
    this(weight, inputs, groupLimit, Optional.empty());
  }

  /** A stage whose inputs deviate from those of the full-precision model. */
  LinearStage(Matrix weight, Matrix inputs, int groupLimit, Optional<Matrix> fullInputs) {
    this.fullInputs = fullInputs;
    this.weight = weight;
    this.inputs = inputs.copy();
    this.groupLimit = groupLimit;
    this.tokens = inputs.rows();
  }

  /** A stage whose inputs are all that there are, not a sample: their statistics have no noise. */
  static LinearStage ofAllTokens(Matrix weight, Matrix inputs, int groupLimit) {
    LinearStage stage = new LinearStage(weight, inputs, groupLimit);
    stage.tokens = Integer.MAX_VALUE;
    return stage;
  }

  /** Returns independent values of the standard normal distribution, [rows, columns]. */
  static Matrix gaussian(SplittableRandom random, int rows, int columns) {
    Matrix matrix = Matrix.allocate(rows, columns);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        matrix.set(r, c, (float) random.nextGaussian());
      }
    }
    return matrix;
  }

  /** Dresses the linear as o behind two heads that share their values: k and k + K/2 are tied. */
  LinearStage tied() {
    stage = Stage.ATTENTION_OUT;
    return this;
  }

  /** Rounds activations with one scale per token. */
  LinearStage perToken() {
    activation = ActivationMode.PER_TOKEN;
    return this;
  }

  /** Computes with these kernels instead of the machine's. */
  LinearStage with(SearchKernels other) {
    kernels = other;
    return this;
  }

  StageProblem problem() {
    return new StageProblem(this, this);
  }

  @Override
  public ModelSpec spec() {
    boolean tied = stage == Stage.ATTENTION_OUT;
    return new ModelSpec(
        "test",
        weight.rows(),
        1,
        tied ? 2 : 1,
        1,
        tied ? weight.columns() / 2 : 2,
        weight.columns(),
        1,
        8,
        1e-5f,
        new RopeSpec(10000, new RopeSpec.None()),
        true,
        Set.of(),
        false,
        List.of(0));
  }

  @Override
  public BlockParameters<Matrix> block() {
    Map<LinearRole, Matrix> linears = new EnumMap<>(LinearRole.class);
    for (LinearRole role : LinearRole.values()) {
      linears.put(role, weight);
    }
    return new BlockParameters<>(linears, Map.of(), Map.of());
  }

  @Override
  public int groupLimit() {
    return groupLimit;
  }

  @Override
  public ActivationMode activation() {
    return activation;
  }

  @Override
  public Optional<QuantizedMatrix> source(LinearRole role) {
    return Optional.empty();
  }

  @Override
  public StageWalk walk() {
    return this;
  }

  @Override
  public LinearAlgebra algebra() {
    return new JavaLinearAlgebra();
  }

  @Override
  public Compute compute() {
    return new Compute(parallel, kernels);
  }

  @Override
  public Stage stage() {
    return stage;
  }

  private interface Reduce {
    double apply(double sum, double x);
  }

  private float[] columns(Reduce reduce, double divisor) {
    float[] result = new float[inputs.columns()];
    for (int k = 0; k < result.length; k++) {
      double sum = 0;
      for (int t = 0; t < inputs.rows(); t++) {
        sum = reduce.apply(sum, inputs.get(t, k));
      }
      result[k] = (float) (sum / divisor);
    }
    return result;
  }

  @Override
  public float[] meanAbsolute() {
    return columns((sum, x) -> sum + Math.abs(x), inputs.rows());
  }

  @Override
  public float[] maxAbsolute() {
    return columns((sum, x) -> Math.max(sum, Math.abs(x)), 1);
  }

  @Override
  public float[] meanSquare() {
    return columns((sum, x) -> sum + x * x, inputs.rows());
  }

  @Override
  public int sequences() {
    return 1;
  }

  @Override
  public double squaredCorrelations(Matrix gram) {
    throw new IllegalStateException("of one sequence");
  }

  @Override
  public int rows() {
    return tokens;
  }

  @Override
  public Matrix sample() {
    return inputs.copy();
  }

  @Override
  public Matrix heldOutSample() {
    return heldOut.orElse(inputs).copy();
  }

  /** Gives other rows to check folds on. */
  void heldOut(Matrix rows) {
    heldOut = Optional.of(rows);
  }

  @Override
  public Optional<Matrix> deviation(Matrix weight) {
    // Without other inputs, those in full precision are the same.
    return Optional.of(fullInputs.orElse(inputs))
        .map(
            full -> {
              Matrix sum = Matrix.allocate(inputs.columns(), inputs.columns());
              for (int i = 0; i < sum.rows(); i++) {
                for (int k = 0; k < sum.columns(); k++) {
                  double value = 0;
                  for (int t = 0; t < inputs.rows(); t++) {
                    value += ((double) full.get(t, i) - inputs.get(t, i)) * inputs.get(t, k);
                  }
                  sum.set(i, k, (float) value);
                }
              }
              Matrix deviation = Matrix.allocate(weight.rows(), weight.columns());
              algebra().addProduct(deviation, 1, weight, sum);
              sum.close();
              return deviation;
            });
  }

  @Override
  public Matrix gram() {
    Matrix columns = Matrix.allocate(/* rows= */ inputs.columns(), /* columns= */ inputs.rows());
    for (int k = 0; k < columns.rows(); k++) {
      for (int t = 0; t < columns.columns(); t++) {
        columns.set(k, t, inputs.get(t, k));
      }
    }
    return algebra().multiplyTransposed(columns, columns);
  }

  @Override
  public void divide(float[] scales) {
    for (int t = 0; t < inputs.rows(); t++) {
      for (int k = 0; k < scales.length; k++) {
        inputs.set(t, k, inputs.get(t, k) / scales[k]);
      }
    }
  }

  @Override
  public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
    throw new IllegalStateException("the last stage");
  }

  @Override
  public void close() {
    parallel.close();
  }

  /** Returns the mean over [T, N] of (x w' - x v')^2, in float64. */
  static double outputError(Matrix inputs, Matrix weight, Matrix rounded) {
    double sum = 0;
    for (int t = 0; t < inputs.rows(); t++) {
      for (int n = 0; n < weight.rows(); n++) {
        double difference = 0;
        for (int k = 0; k < weight.columns(); k++) {
          difference += (double) inputs.get(t, k) * ((double) weight.get(n, k) - rounded.get(n, k));
        }
        sum += difference * difference;
      }
    }
    return sum / inputs.rows() / weight.rows();
  }

  /** Returns the mean over [N, K] of (w - v)^2. */
  static double weightError(Matrix weight, Matrix rounded) {
    double sum = 0;
    for (int n = 0; n < weight.rows(); n++) {
      for (int k = 0; k < weight.columns(); k++) {
        double difference = (double) weight.get(n, k) - rounded.get(n, k);
        sum += difference * difference;
      }
    }
    return sum / weight.rows() / weight.columns();
  }
}
