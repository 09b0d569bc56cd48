package io.calm.quant;

import io.calm.kernels.GroupGrid;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;

/**
 * Rounds every weight to its nearest code on the least-squares grid of its group.
 *
 * @param weighted whether the grid is fitted with h[k] = E[x_k^2] as weights of the squared errors
 */
public record NearestRounding(boolean weighted) implements Rounding {

  @Override
  public QuantizedMatrix round(RoundingProblem problem) {
    if (!weighted) {
      return plain(problem.weight(), problem.group(), problem.compute(), problem.linearOf(0));
    }
    float[] importance = Importance.of(problem.inputs().meanSquare());
    return Grids.fitFully(problem, importance).encode(problem.weight(), problem.compute());
  }

  /**
   * Rounds a weight without knowledge of its inputs.
   *
   * @param weight [N, K]
   * @param name of the linear, for messages
   * @throws QuantizationException if a weight is not finite or a grid does not fit float16
   */
  public static QuantizedMatrix plain(Matrix weight, int group, Compute compute, String name) {
    return Grids.fit(weight, group, null, GroupGrid.Effort.FULL, compute, row -> name)
        .encode(weight, compute);
  }
}
