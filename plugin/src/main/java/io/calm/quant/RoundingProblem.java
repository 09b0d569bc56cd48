package io.calm.quant;

import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * Weights [N, K] that read one input, and what is known of that input: all that a {@link Rounding}
 * looks at.
 */
public interface RoundingProblem {

  /** Returns the weights, [N, K]. */
  Matrix weight();

  /** Returns the group of a scale along K. */
  int group();

  /** Returns E[x_k^2] of each input, [K]. */
  float[] meanSquare();

  /** Returns X'X of the input rounded to int8, [K, K]. The caller closes it and may change it. */
  Matrix gram();

  /** Returns the name of the linear that row {@code n} of {@link #weight} belongs to. */
  String linearOf(int n);

  /** Returns dense algebra. */
  LinearAlgebra algebra();

  /** Returns threads. */
  Parallel parallel();
}
