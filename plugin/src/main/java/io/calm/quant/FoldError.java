package io.calm.quant;

import io.calm.kernels.BlockKernels;
import io.calm.model.ActivationMode;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import org.jspecify.annotations.Nullable;

/**
 * The squared error of a stage's linears as W4A8 modules under given fold scales s: {@code || X W'
 * - Q8(X / s) Q4(W s)' ||^2} over sampled tokens and outputs, relative to {@code || X W' ||^2}.
 *
 * <p>Weights are rounded to nearest on quickly fitted grids, or by a rounding with error feedback.
 * Products are those of the served kernels if the machine has them, otherwise those of the algebra,
 * which may use bfloat16. Holds a few matrices of the stage's size; not thread safe.
 */
final class FoldError implements AutoCloseable {
  /** Maximum number of outputs that are compared; of a larger stage, evenly spaced ones. */
  private static final int OUTPUTS = 512;

  private final StageProblem stage;
  private final ScaledRounding rounding;
  private final Matrix weight;
  private final Matrix rows;
  private final Matrix expected;
  private final Matrix scaledWeight;
  private final Matrix scaledRows;
  private final double norm;

  /** Prepares the full-precision products of the rows that scales are chosen on. */
  FoldError(StageProblem stage, ScaledRounding rounding) {
    this(stage, rounding, stage.activations().sample());
  }

  /** Prepares the products of rows that the scales were not chosen on. */
  static FoldError heldOut(StageProblem stage, ScaledRounding rounding) {
    return new FoldError(stage, rounding, stage.activations().heldOutSample());
  }

  private FoldError(StageProblem stage, ScaledRounding rounding, Matrix rows) {
    this.stage = stage;
    this.rounding = rounding;
    this.rows = rows;
    this.weight = sample(stage.weight());
    this.expected = stage.algebra().multiplyTransposed(rows, weight);
    this.scaledWeight = Matrix.allocate(weight.rows(), weight.columns());
    this.scaledRows = Matrix.allocate(rows.rows(), rows.columns());
    this.norm = squaredDistance(expected, null);
  }

  private static Matrix sample(Matrix all) {
    int count = Math.min(all.rows(), OUTPUTS);
    Matrix sample = Matrix.allocate(count, all.columns());
    float[] row = new float[all.columns()];
    for (int n = 0; n < count; n++) {
      all.readRow(outputOf(n, count, all.rows()), row);
      sample.writeRow(n, row);
    }
    return sample;
  }

  private static int outputOf(int n, int count, int outputs) {
    return (int) ((long) n * outputs / count);
  }

  /**
   * Returns the relative squared error, or infinity if the scales produce weights that float16
   * grids cannot hold.
   *
   * @param scales [K], positive
   */
  double of(float[] scales) {
    scaleWeights(scales);
    QuantizedMatrix rounded;
    try {
      rounded = rounding.round(scaledWeight, scales, this::linearOf);
    } catch (QuantizationException e) {
      return Double.POSITIVE_INFINITY;
    }
    divideRows(scales);
    try (Matrix got = product(rounded)) {
      double distance = squaredDistance(expected, got);
      return Double.isNaN(distance) ? Double.POSITIVE_INFINITY : distance / norm;
    }
  }

  private String linearOf(int n) {
    return stage.linearOf(outputOf(n, weight.rows(), stage.weight().rows()));
  }

  /** Returns the module's outputs for the divided rows, which are changed. */
  private Matrix product(QuantizedMatrix rounded) {
    return stage
        .compute()
        .kernels()
        .block()
        .map(kernels -> servedProduct(kernels, rounded))
        .orElseGet(() -> engineProduct(rounded));
  }

  private Matrix servedProduct(BlockKernels kernels, QuantizedMatrix rounded) {
    Parallel parallel = stage.compute().parallel();
    try (Packing.Scratch module = Packing.scratch(rounded, parallel)) {
      return kernels.multiply(module.linear(), perToken(), scaledRows, parallel);
    }
  }

  private Matrix engineProduct(QuantizedMatrix rounded) {
    Compute compute = stage.compute();
    int step = perToken() ? scaledRows.columns() : stage.group();
    compute
        .parallel()
        .ranges(
            scaledRows.rows(),
            (from, to) -> compute.kernels().roundInputs(scaledRows, from, to, step));
    try (Matrix values = rounded.dequantize()) {
      return stage.algebra().approximateProduct(scaledRows, values);
    }
  }

  private boolean perToken() {
    return stage.activationMode() == ActivationMode.PER_TOKEN;
  }

  private void scaleWeights(float[] scales) {
    stage
        .compute()
        .parallel()
        .ranges(
            scaledWeight.rows(),
            (from, to) -> {
              float[] row = new float[scales.length];
              for (int n = from; n < to; n++) {
                weight.readRow(n, row);
                for (int k = 0; k < row.length; k++) {
                  row[k] *= scales[k];
                }
                scaledWeight.writeRow(n, row);
              }
            });
  }

  private void divideRows(float[] scales) {
    stage
        .compute()
        .parallel()
        .ranges(
            scaledRows.rows(),
            (from, to) -> {
              float[] row = new float[scales.length];
              for (int t = from; t < to; t++) {
                rows.readRow(t, row);
                for (int k = 0; k < row.length; k++) {
                  row[k] /= scales[k];
                }
                scaledRows.writeRow(t, row);
              }
            });
  }

  /** Returns the squared distance of two matrices, or the squared norm of the first. */
  private double squaredDistance(Matrix a, @Nullable Matrix b) {
    double[] perRow = new double[a.rows()];
    stage
        .compute()
        .parallel()
        .ranges(
            a.rows(),
            (from, to) -> {
              float[] x = new float[a.columns()];
              float[] y = new float[a.columns()];
              for (int r = from; r < to; r++) {
                a.readRow(r, x);
                if (b != null) {
                  b.readRow(r, y);
                }
                perRow[r] = squaredDistance(x, y);
              }
            });
    double sum = 0;
    for (double row : perRow) {
      sum += row;
    }
    return sum;
  }

  private static double squaredDistance(float[] x, float[] y) {
    double sum = 0;
    for (int c = 0; c < x.length; c++) {
      double difference = x[c] - y[c];
      sum += difference * difference;
    }
    return sum;
  }

  @Override
  public void close() {
    rows.close();
    weight.close();
    expected.close();
    scaledWeight.close();
    scaledRows.close();
  }
}
