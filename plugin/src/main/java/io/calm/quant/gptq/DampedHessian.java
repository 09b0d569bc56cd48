package io.calm.quant.gptq;

import io.calm.quant.QuantizationException;
import io.calm.quant.RoundingProblem;
import io.calm.tensor.Matrix;
import java.util.Optional;
import java.util.function.Function;

/**
 * A damped Hessian, whose damping is raised until it has a Cholesky factor.
 *
 * <p>The damping is a share of the mean diagonal. If there is no factor, ten times as much is
 * added, up to three times. A dead input, whose diagonal is 0, gets 1 there, which separates it
 * from all others.
 */
final class DampedHessian {
  private static final int RAISES = 3;

  private DampedHessian() {}

  /**
   * Returns the factor U with {@code inverse(H + damping) = U'U}, [K, K]. The caller closes it.
   *
   * @param hessian symmetric [K, K]; not changed
   * @param share damping of the first attempt, as a share of the mean diagonal
   * @throws QuantizationException if there is no factor with the largest damping
   */
  static Matrix inverseFactor(RoundingProblem problem, Matrix hessian, double share) {
    return with(problem, hessian, share, problem.algebra()::inverseCholesky);
  }

  /**
   * Replaces {@code target} [N, K] by {@code target inverse(H + damping)}.
   *
   * @param hessian symmetric [K, K]; not changed
   * @param share damping of the first attempt, as a share of the mean diagonal
   * @throws QuantizationException if there is no factor with the largest damping
   */
  static void divide(Matrix target, RoundingProblem problem, Matrix hessian, double share) {
    with(
        problem,
        hessian,
        share,
        damped ->
            problem.algebra().divide(target, damped) ? Optional.of(target) : Optional.empty());
  }

  /** Returns the first result of {@code solve}, which gets the Hessian with rising damping. */
  private static <T> T with(
      RoundingProblem problem, Matrix hessian, double share, Function<Matrix, Optional<T>> solve) {
    int size = hessian.rows();
    float[] diagonal = new float[size];
    double mean = 0;
    for (int k = 0; k < size; k++) {
      diagonal[k] = hessian.get(k, k);
      mean += diagonal[k];
    }
    mean /= size;
    try {
      double damping = share;
      for (int attempt = 0; attempt <= RAISES; attempt++) {
        for (int k = 0; k < size; k++) {
          hessian.set(k, k, diagonal[k] == 0 ? 1 : diagonal[k] + (float) (damping * mean));
        }
        Optional<T> result = solve.apply(hessian);
        if (result.isPresent()) {
          return result.get();
        }
        damping *= 10;
      }
      throw new QuantizationException(
          "linear %s: its Hessian [%d, %d] has no Cholesky factor even with %g of the mean diagonal"
              .formatted(problem.linearOf(0), size, size, damping / 10));
    } finally {
      for (int k = 0; k < size; k++) {
        hessian.set(k, k, diagonal[k]);
      }
    }
  }
}
