package io.calm.quant;

import io.calm.tensor.Matrix;

/**
 * Statistics of an input that is divided by scales, computed from those of the input itself. X'X is
 * that of rows rounded to int8 before the division, not after it.
 */
final class ScaledStatistics implements InputStatistics {
  private final InputStatistics inputs;
  private final Matrix gram;
  private final float[] scales;

  /**
   * Creates a view.
   *
   * @param inputs of the undivided input
   * @param gram X'X of the undivided input, [K, K]; owned by the caller
   * @param scales [K], positive
   */
  ScaledStatistics(InputStatistics inputs, Matrix gram, float[] scales) {
    this.inputs = inputs;
    this.gram = gram;
    this.scales = scales;
  }

  @Override
  public float[] meanSquare() {
    return meanSquare(inputs, scales);
  }

  static float[] meanSquare(InputStatistics inputs, float[] scales) {
    float[] meanSquare = inputs.meanSquare().clone();
    for (int k = 0; k < meanSquare.length; k++) {
      meanSquare[k] /= scales[k] * scales[k];
    }
    return meanSquare;
  }

  @Override
  public Matrix gram() {
    Matrix scaled = gram.copy();
    float[] row = new float[scales.length];
    for (int i = 0; i < scales.length; i++) {
      scaled.readRow(i, row);
      for (int k = 0; k < row.length; k++) {
        row[k] /= scales[i] * scales[k];
      }
      scaled.writeRow(i, row);
    }
    return scaled;
  }

  @Override
  public int sequences() {
    return inputs.sequences();
  }

  @Override
  public double squaredCorrelations(Matrix scaled) {
    return inputs.squaredCorrelations(gram);
  }

  @Override
  public int rows() {
    return inputs.rows();
  }
}
