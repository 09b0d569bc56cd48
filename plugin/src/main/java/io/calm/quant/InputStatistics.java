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
   * Returns the deviation of this input from that of the full-precision model on the same tokens;
   * empty if only one of the two is known. The caller closes it.
   */
  default Optional<Deviation> deviation() {
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
