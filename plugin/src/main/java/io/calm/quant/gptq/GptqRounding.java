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
 * <p>With H = X'X of the rounded inputs, shrunk towards its diagonal ({@link Shrinkage}), columns
 * are rounded in order of decreasing H_kk. The grid of each group is fitted beforehand on the
 * original weights, with diag(H) as importance. The error of column k, divided by U_kk, is
 * subtracted from the columns not yet rounded along row k of U, the upper Cholesky factor of the
 * inverse of H. Inputs that are always zero keep H_kk = 1 and affect no other column. 1 % of the
 * mean diagonal is added for damping; if the factorization fails, it is repeated with ten times the
 * damping, up to three times.
 *
 * <p>Weights are held transposed, [K, N], so that a column is a contiguous vector over outputs, and
 * updates beyond the current block of 128 columns are one matrix product. Cost is N K^2 / 2
 * multiply-adds and K^3 / 3 for the factor; memory is 2 K^2 floats and one copy of the weights.
 */
final class GptqRounding implements Rounding {
  static final double DAMPING = 0.01;

  @Override
  public QuantizedMatrix round(RoundingProblem problem) {
    return round(problem, gram(problem));
  }

  /**
   * Returns X'X of the rounded inputs, [K, K].
   *
   * @throws QuantizationException if it is not finite
   */
  static Matrix gram(RoundingProblem problem) {
    Matrix gram = problem.inputs().gram();
    try {
      diagonal(problem, gram);
      return gram;
    } catch (RuntimeException | Error e) {
      gram.close();
      throw e;
    }
  }

  @Override
  public boolean needsGram() {
    return true;
  }

  @Override
  public Optional<Rounding> roundingForFolds() {
    return Optional.of(this);
  }

  /**
   * Rounds.
   *
   * @param gram of {@link #gram}; changed and closed
   */
  static QuantizedMatrix round(RoundingProblem problem, Matrix gram) {
    Grids grids;
    int[] order;
    Matrix factor;
    try (Matrix hessian = gram) {
      float[] diagonal = diagonal(problem, hessian);
      grids = Grids.fitFully(problem, Importance.of(diagonal));
      order = actOrder(diagonal);
      factor =
          problem
              .inputs()
              .derived(
                  "factor in act-order, damping " + DAMPING,
                  () -> {
                    Shrinkage.apply(hessian, problem.inputs(), problem.parallel());
                    Symmetric.permute(hessian, order);
                    return DampedHessian.inverseFactor(problem, hessian, DAMPING);
                  });
    }
    try (factor;
        ColumnWalk walk = new ColumnWalk(problem, grids, factor, order)) {
      return walk.run();
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
}
