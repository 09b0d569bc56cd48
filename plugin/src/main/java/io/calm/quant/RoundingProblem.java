package io.calm.quant;

import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import java.util.Optional;
import java.util.function.IntFunction;

/**
 * Weights that read one input, and statistics of that input: everything a {@link Rounding} sees.
 *
 * @param weight [N, K]; owned by the caller
 * @param group inputs that share a scale
 * @param inputs statistics of the input
 * @param linears the name of the linear that a row of the weight belongs to, for messages
 * @param algebra dense algebra
 * @param compute threads and kernels
 */
public record RoundingProblem(
    Matrix weight,
    int group,
    InputStatistics inputs,
    IntFunction<String> linears,
    LinearAlgebra algebra,
    Compute compute) {

  /** Returns the same problem with another weight of the same shape. */
  public RoundingProblem withWeight(Matrix other) {
    return new RoundingProblem(other, group, inputs, linears, algebra, compute);
  }

  /** Returns the warning of {@link #tooFewTokens(int, int)} for this problem. */
  public Optional<String> tooFewTokens() {
    return tooFewTokens(inputs.rows(), weight.columns());
  }

  /**
   * Returns the warning that there are fewer tokens than inputs, in which case X'X is singular;
   * empty if there are enough.
   */
  public static Optional<String> tooFewTokens(int tokens, int inputs) {
    return tokens < inputs
        ? Optional.of(
            "%d calibration tokens for %d inputs: X'X is singular and is shrunk towards its diagonal; raise calm.search.effort or calm.calibration.samples"
                .formatted(tokens, inputs))
        : Optional.empty();
  }

  /** Returns the threads. */
  public Parallel parallel() {
    return compute.parallel();
  }

  /** Returns the name of the linear that row {@code n} of the weight belongs to. */
  public String linearOf(int n) {
    return linears.apply(n);
  }
}
