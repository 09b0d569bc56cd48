package io.calm.quant;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The grids of all groups of a weight [N, K]: scale and minimum [N * J], float16 values, J = ceil(K
 * / group).
 */
@SuppressWarnings("ArrayRecordComponent") // bulk values, read only
public record Grids(int inputs, int group, float[] scales, float[] minimums) {

  /**
   * Fits each group on its own.
   *
   * @param weight [N, K]
   * @param importance [K], or null for equal weights
   * @param rowName what messages call a row's linear
   * @throws QuantizationException if a weight is not finite or a grid does not fit float16
   */
  static Grids fit(
      Matrix weight,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      Parallel parallel,
      IntFunction<String> rowName) {
    int inputs = weight.columns();
    int groups = (inputs + group - 1) / group;
    Grids grids =
        new Grids(
            inputs, group, new float[weight.rows() * groups], new float[weight.rows() * groups]);
    parallel.ranges(
        weight.rows(),
        (from, to) -> {
          GroupGrid grid = new GroupGrid(effort);
          float[] row = new float[inputs];
          for (int n = from; n < to; n++) {
            weight.readRow(n, row);
            grids.fitRow(n, row, importance, grid, rowName);
          }
        });
    return grids;
  }

  private void fitRow(
      int n,
      float[] row,
      float @Nullable [] importance,
      GroupGrid grid,
      IntFunction<String> rowName) {
    int groups = groups();
    for (int j = 0; j < groups; j++) {
      int first = j * group;
      if (!grid.fit(row, importance, first, Math.min(group, inputs - first))) {
        throw new QuantizationException(
            "linear %s, row %d, inputs %d..%d: weights are not finite or outside float16; the algorithm cannot be used on this block"
                .formatted(rowName.apply(n), n, first, Math.min(first + group, inputs) - 1));
      }
      scales[n * groups + j] = grid.scale();
      minimums[n * groups + j] = grid.minimum();
    }
  }

  /** Fits every group of the problem's weight with full effort, weighted by {@code importance}. */
  public static Grids fitFully(RoundingProblem problem, float[] importance) {
    return fit(
        problem.weight(),
        problem.group(),
        importance,
        GroupGrid.Effort.FULL,
        problem.parallel(),
        problem::linearOf);
  }

  /** Returns the nearest codes of all weights on these grids. */
  QuantizedMatrix encode(Matrix weight, Parallel parallel) {
    byte[] codes = new byte[Math.multiplyExact(weight.rows(), inputs)];
    parallel.ranges(
        weight.rows(),
        (from, to) -> {
          float[] row = new float[inputs];
          for (int n = from; n < to; n++) {
            weight.readRow(n, row);
            encodeRow(n, row, codes, n * inputs);
          }
        });
    return new QuantizedMatrix(weight.rows(), inputs, group, codes, scales, minimums);
  }

  /**
   * Rounds a piece of one column: writes the codes of outputs {@code first ..} and replaces the
   * values by their rounding errors.
   *
   * @param column k
   * @param values weights of outputs {@code first .. first + values.length}
   * @param codes [N, K], row-major
   */
  public void roundColumn(int column, int first, float[] values, byte[] codes, int inputs) {
    int groups = groups();
    for (int i = 0; i < values.length; i++) {
      int n = first + i;
      float scale = scales[n * groups + column / group];
      float minimum = minimums[n * groups + column / group];
      float code = GroupGrid.code(values[i], 1 / scale, minimum);
      codes[n * inputs + column] = (byte) code;
      values[i] -= scale * code + minimum;
    }
  }

  /** Returns J, the number of groups of a row. */
  int groups() {
    return (inputs + group - 1) / group;
  }

  /** Writes the codes of row {@code n} to {@code codes[at ..]}. */
  private void encodeRow(int n, float[] row, byte[] codes, int at) {
    int groups = groups();
    for (int j = 0; j < groups; j++) {
      float inverse = 1 / scales[n * groups + j];
      float minimum = minimums[n * groups + j];
      int end = Math.min(inputs, (j + 1) * group);
      for (int k = j * group; k < end; k++) {
        codes[at + k] = (byte) GroupGrid.code(row[k], inverse, minimum);
      }
    }
  }

  /** Replaces row {@code n}, in place, by what its codes stand for. */
  void roundRow(int n, float[] row) {
    int groups = groups();
    for (int j = 0; j < groups; j++) {
      float scale = scales[n * groups + j];
      float inverse = 1 / scale;
      float minimum = minimums[n * groups + j];
      int end = Math.min(inputs, (j + 1) * group);
      for (int k = j * group; k < end; k++) {
        row[k] = scale * GroupGrid.code(row[k], inverse, minimum) + minimum;
      }
    }
  }
}
