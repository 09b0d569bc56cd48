package io.calm.quant;

import io.calm.tensor.Matrix;
import java.util.Optional;
import java.util.function.Supplier;

/** Statistics of a linear's input over the calibration tokens. */
public interface InputStatistics {

  /** Returns mean x^2 of each input, [K], before rounding to int8. */
  float[] meanSquare();

  /** Returns X'X of the input rounded to int8, [K, K]. The caller closes it and may change it. */
  Matrix gram();

  /** Returns the number of calibration sequences that the statistics were taken over. */
  int sequences();

  /**
   * Returns, summed over sequences, the squared elements outside the diagonal of the sequence's own
   * X'X, with every input divided by the root of its sum of squares over all sequences. Scales of
   * the inputs do not change it. It shows how far {@link #gram} would differ with other sequences.
   *
   * @param gram of {@link #gram}, not changed since
   */
  double squaredCorrelations(Matrix gram);

  /** Returns the number of calibration tokens that the statistics were taken over. */
  int rows();

  /**
   * Returns how the output of the linears deviates from that of the full-precision model on the
   * same tokens, as the sum over tokens of {@code (W x + r - W x^ - r^) x^'}, [N, K]. x is the
   * input of a token in full precision, and x^ that of the W4A8 linears (rounded to int8). r and r^
   * are the residual streams that the output is added to; linears whose output is not added to them
   * have no such term.
   *
   * <p>For down it can be read once: the inputs in full precision, among the largest arrays of a
   * search, are freed then.
   *
   * @param weight W, [N, K]: the original weights of some or all linears that read the input, one
   *     below the other in the order of the stage, with columns multiplied by the scales that the
   *     input was divided by
   * @return empty if only one of the two models is known; the caller closes it and may change it
   */
  default Optional<Matrix> deviation(Matrix weight) {
    return Optional.empty();
  }

  /**
   * Returns a matrix that depends on these inputs alone, such as a factor of X'X, so that several
   * roundings of the same inputs may share it.
   *
   * @param name tells what the matrix is; equal names are equal matrices
   * @param matrix computes it
   * @return for reading; the caller closes it
   */
  default Matrix derived(String name, Supplier<Matrix> matrix) {
    return matrix.get();
  }
}
