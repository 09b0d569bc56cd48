package io.calm.quant;

import io.calm.tensor.Matrix;
import java.util.Optional;

/** Statistics of a linear's input over the calibration tokens. */
public interface InputStatistics {

  /** Returns mean x^2 of each input, [K], before rounding to int8. */
  float[] meanSquare();

  /** Returns X'X of the input rounded to int8, [K, K]. The caller closes it and may change it. */
  Matrix gram();

  /** Returns the number of calibration tokens that the statistics were taken over. */
  int rows();

  /**
   * Returns the deviation of this input from that of the full-precision model on the same tokens;
   * empty if only one of the two is known. The caller closes it.
   */
  default Optional<Deviation> deviation() {
    return Optional.empty();
  }
}
