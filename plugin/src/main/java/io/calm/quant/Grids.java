package io.calm.quant;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.Optional;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The grids of all groups of a weight [N, K]: scale and minimum [N * J], float16 values, J = ceil(K
 * / group).
 */
@SuppressWarnings("ArrayRecordComponent") // bulk values, read only
public record Grids(int inputs, int group, float[] scales, float[] minimums) {

  /** Rows that a kernel fits at once. */
  private static final int TILE = 16;

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
    Grids grids = fit(weight, group, importance, effort, parallel, SearchKernels.best());
    grids.requireAll(rowName);
    return grids;
  }

  /** Fits each group with the kernels given; the scale of a group that has no grid is 0. */
  static Grids fit(
      Matrix weight,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      Parallel parallel,
      Optional<SearchKernels> kernels) {
    int groups = (weight.columns() + group - 1) / group;
    Grids grids =
        new Grids(
            weight.columns(),
            group,
            new float[weight.rows() * groups],
            new float[weight.rows() * groups]);
    parallel.ranges(
        (weight.rows() + TILE - 1) / TILE,
        (first, end) -> {
          int from = first * TILE;
          int to = Math.min(weight.rows(), end * TILE);
          if (kernels.isPresent()) {
            kernels
                .get()
                .fitGrids(
                    weight,
                    from,
                    to,
                    group,
                    importance,
                    GroupGrid.starts(effort),
                    GroupGrid.rounds(effort),
                    grids.scales,
                    grids.minimums);
          } else {
            grids.fitRows(weight, from, to, importance, effort);
          }
        });
    return grids;
  }

  private void fitRows(
      Matrix weight, int from, int to, float @Nullable [] importance, GroupGrid.Effort effort) {
    GroupGrid grid = new GroupGrid(effort);
    float[] row = new float[inputs];
    int at = from * groups();
    for (int n = from; n < to; n++) {
      weight.readRow(n, row);
      for (int first = 0; first < inputs; first += group, at++) {
        boolean fits = grid.fit(row, importance, first, Math.min(group, inputs - first));
        scales[at] = fits ? grid.scale() : 0;
        minimums[at] = fits ? grid.minimum() : 0;
      }
    }
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
        problem.parallel(),
        problem::linearOf);
  }

  /** Returns the nearest codes of all weights on these grids. */
  QuantizedMatrix encode(Matrix weight, Parallel parallel) {
    byte[] codes = new byte[Math.multiplyExact(weight.rows(), inputs)];
    Optional<SearchKernels> kernels = SearchKernels.best();
    parallel.ranges(
        weight.rows(),
        (from, to) -> {
          if (kernels.isPresent()) {
            kernels.get().encode(weight, from, to, group, scales, minimums, codes);
          } else {
            encodeRows(weight, from, to, codes);
          }
        });
    return new QuantizedMatrix(weight.rows(), inputs, group, codes, scales, minimums);
  }

  /** Writes the codes of some rows to {@code codes} [N * K]; the kernels' reference. */
  void encodeRows(Matrix weight, int from, int to, byte[] codes) {
    float[] row = new float[inputs];
    for (int n = from; n < to; n++) {
      weight.readRow(n, row);
      encodeRow(n, row, codes, n * inputs);
    }
  }

  /**
   * Rounds a piece of one column: writes the codes of outputs {@code first ..} and replaces the
   * values by their rounding errors.
   *
   * @param column k
   * @param values weights of outputs {@code first .. first + values.length}
   * @param codes of these outputs
   */
  public void roundColumn(int column, int first, float[] values, byte[] codes) {
    int groups = groups();
    for (int i = 0; i < values.length; i++) {
      int grid = (first + i) * groups + column / group;
      float code = GroupGrid.code(values[i], 1 / scales[grid], minimums[grid]);
      codes[i] = (byte) code;
      values[i] -= scales[grid] * code + minimums[grid];
    }
  }

  /** Returns J, the number of groups of a row. */
  public int groups() {
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

  /** Replaces all weights by what their nearest codes stand for. */
  void round(Matrix weight, Parallel parallel) {
    Optional<SearchKernels> kernels = SearchKernels.best();
    parallel.ranges(
        weight.rows(),
        (from, to) -> {
          if (kernels.isPresent()) {
            kernels.get().roundWeights(weight, from, to, group, scales, minimums);
          } else {
            roundRows(weight, from, to);
          }
        });
  }

  /** Replaces some rows, in place, by what their codes stand for; the kernels' reference. */
  void roundRows(Matrix weight, int from, int to) {
    float[] row = new float[inputs];
    for (int n = from; n < to; n++) {
      weight.readRow(n, row);
      roundRow(n, row);
      weight.writeRow(n, row);
    }
  }

  private void roundRow(int n, float[] row) {
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
