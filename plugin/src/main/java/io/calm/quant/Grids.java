package io.calm.quant;

import io.calm.kernels.GroupGrid;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The grids of all groups of a weight [N, K]: scale and minimum [N * J], float16 values, J = ceil(K
 * / group).
 */
@SuppressWarnings("ArrayRecordComponent") // bulk values, read only
public record Grids(int inputs, int group, float[] scales, float[] minimums) {

  /** The rows that a kernel fits at once. */
  private static final int TILE = 16;

  /**
   * Fits each group on its own.
   *
   * @param weight [N, K]
   * @param importance [K], or null for equal weights
   * @param rowName the name of a row's linear, for messages
   * @throws QuantizationException if a weight is not finite or a grid does not fit float16
   */
  static Grids fit(
      Matrix weight,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      Compute compute,
      IntFunction<String> rowName) {
    int groups = (weight.columns() + group - 1) / group;
    float[] scales = new float[weight.rows() * groups];
    float[] minimums = new float[weight.rows() * groups];
    compute
        .parallel()
        .ranges(
            (weight.rows() + TILE - 1) / TILE,
            (first, end) ->
                compute
                    .kernels()
                    .fitGrids(
                        weight,
                        first * TILE,
                        Math.min(weight.rows(), end * TILE),
                        group,
                        importance,
                        effort,
                        scales,
                        minimums));
    Grids grids = new Grids(weight.columns(), group, scales, minimums);
    grids.requireAll(rowName);
    return grids;
  }

  private void requireAll(IntFunction<String> rowName) {
    for (int i = 0; i < scales.length; i++) {
      if (scales[i] == 0) {
        int n = i / groups();
        int first = i % groups() * group;
        throw new QuantizationException(
            "linear %s, row %d, inputs %d..%d: weights are not finite or outside float16; the algorithm cannot be used on this block"
                .formatted(rowName.apply(n), n, first, Math.min(first + group, inputs) - 1));
      }
    }
  }

  /** Fits every group of the problem's weight with full effort, weighted by {@code importance}. */
  public static Grids fitFully(RoundingProblem problem, float[] importance) {
    return fit(
        problem.weight(),
        problem.group(),
        importance,
        GroupGrid.Effort.FULL,
        problem.compute(),
        problem::linearOf);
  }

  /** Returns the nearest codes of all weights on these grids. */
  QuantizedMatrix encode(Matrix weight, Compute compute) {
    byte[] codes = new byte[Math.multiplyExact(weight.rows(), inputs)];
    compute
        .parallel()
        .ranges(
            weight.rows(),
            (from, to) ->
                compute.kernels().encode(weight, from, to, group, scales, minimums, codes));
    return new QuantizedMatrix(weight.rows(), inputs, group, codes, scales, minimums);
  }

  /** Returns J, the number of groups of a row. */
  public int groups() {
    return (inputs + group - 1) / group;
  }
}
