package io.calm.quant.gptq;

import io.calm.quant.Grids;
import io.calm.quant.Importance;
import io.calm.quant.QuantizationException;
import io.calm.quant.Rounding;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * GPTQ's rounding (arXiv 2210.17323, sections 3.2 and 3.3) with act-order and static groups.
 *
 * <p>With H = X'X of the rounded inputs, columns are rounded in order of decreasing H_kk. The grid
 * of each group is fitted beforehand on the original weights, with diag(H) as importance. The error
 * of column k, divided by U_kk, is subtracted from the columns not yet rounded along row k of U,
 * the upper Cholesky factor of the inverse of H. Inputs that are always zero keep H_kk = 1 and
 * affect no other column. 1 % of the mean diagonal is added for damping; if the factorization
 * fails, it is repeated with ten times the damping, up to three times.
 *
 * <p>Weights are held transposed, [K, N], so that a column is a contiguous vector over outputs, and
 * updates beyond the current block of 128 columns are one matrix product. Cost is N K^2 / 2
 * multiply-adds and K^3 for the factor; memory is 3 K^2 floats and one copy of the weights.
 */
final class GptqRounding implements Rounding {
  private static final double DAMPING = 0.01;
  private static final int DAMPING_RAISES = 3;

  @Override
  public QuantizedMatrix round(RoundingProblem problem) {
    try (Matrix hessian = problem.inputs().gram()) {
      float[] diagonal = diagonal(problem, hessian);
      Grids grids = Grids.fitFully(problem, Importance.of(diagonal));
      int[] order = actOrder(diagonal);
      Symmetric.permute(hessian, order);
      try (Matrix factor = factor(problem, hessian)) {
        return new ColumnWalk(problem, grids, factor, order).run();
      }
    }
  }

  private static float[] diagonal(RoundingProblem problem, Matrix hessian) {
    float[] diagonal = new float[hessian.rows()];
    for (int k = 0; k < diagonal.length; k++) {
      diagonal[k] = hessian.get(k, k);
      if (!Float.isFinite(diagonal[k])) {
        throw new QuantizationException(
            "linear %s, input %d: activations on the calibration tokens are not finite; the earlier blocks have diverged, or the checkpoint is damaged"
                .formatted(problem.linearOf(0), k));
      }
    }
    return diagonal;
  }

  /** Returns the inputs by falling diagonal; equals keep their order. */
  private static int[] actOrder(float[] diagonal) {
    return IntStream.range(0, diagonal.length)
        .boxed()
        .sorted((a, b) -> Float.compare(diagonal[b], diagonal[a]))
        .mapToInt(Integer::intValue)
        .toArray();
  }

  /**
   * Factors the Hessian, which is in act-order, with damping; a dead input gets 1 on the diagonal,
   * which is all that changes in the Hessian.
   */
  private static Matrix factor(RoundingProblem problem, Matrix hessian) {
    int size = hessian.rows();
    float[] diagonal = new float[size];
    double mean = 0;
    for (int k = 0; k < size; k++) {
      diagonal[k] = hessian.get(k, k);
      mean += diagonal[k];
    }
    mean /= size;
    double share = DAMPING;
    for (int attempt = 0; attempt <= DAMPING_RAISES; attempt++) {
      float damping = (float) (share * mean);
      for (int k = 0; k < size; k++) {
        hessian.set(k, k, diagonal[k] == 0 ? 1 : diagonal[k] + damping);
      }
      Optional<Matrix> factor = problem.algebra().inverseCholesky(hessian);
      if (factor.isPresent()) {
        return factor.get();
      }
      share *= 10;
    }
    throw new QuantizationException(
        "linear %s: its Hessian [%d, %d] has no Cholesky factor even with %g of the mean diagonal"
            .formatted(problem.linearOf(0), size, size, share / 10));
  }
}
