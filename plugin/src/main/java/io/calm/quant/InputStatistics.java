package io.calm.quant;

import io.calm.tensor.Matrix;

/** Statistics of a linear's input over the calibration tokens. */
public interface InputStatistics {

  /** Returns mean x^2 of each input, [K], before rounding to int8. */
  float[] meanSquare();

  /** Returns X'X of the input rounded to int8, [K, K]. The caller closes it and may change it. */
  Matrix gram();
}
