package io.calm.quant;

import io.calm.tensor.QuantizedMatrix;

/** A way from weights to 4-bit codes and grids. */
public interface Rounding {

  /**
   * Rounds all linears of a stage, stacked.
   *
   * @param stage weights [N, K] and activations after the fold
   * @return codes and grids of the same shape
   * @throws QuantizationException naming the linear, if it cannot be done
   */
  QuantizedMatrix round(StageProblem stage);
}
