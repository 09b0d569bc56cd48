package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.tensor.Matrix;

/**
 * The squared correlations of single sequences: the squared elements outside the diagonal of the
 * X'X of each sequence, with every input divided by the root of its sum of squares over all
 * sequences.
 *
 * <p>{@code ||X'X||_F = ||X X'||_F}, and X X' is small: its size is the length of the sequence.
 * Sums of squares are float64.
 */
final class SequenceCorrelations {
  private final TorchRuntime runtime;
  private final StageProducts products;
  private final float[] divisors;

  /**
   * Creates the sum for some inputs.
   *
   * @param gram X'X of all sequences, [K, K]
   */
  SequenceCorrelations(TorchRuntime runtime, StageProducts products, Matrix gram) {
    this.runtime = runtime;
    this.products = products;
    this.divisors = new float[gram.rows()];
    for (int k = 0; k < divisors.length; k++) {
      float squares = gram.get(k, k);
      divisors[k] = squares > 0 ? (float) Math.sqrt(squares) : 1;
    }
  }

  /**
   * Returns the sum over the sequences of a chunk.
   *
   * @param x [sequences, T, K]
   */
  double of(NDArray x) {
    Shape shape = x.getShape();
    int sequences = Math.toIntExact(shape.get(0));
    int length = Math.toIntExact(shape.get(1));
    int width = Math.toIntExact(shape.get(2));
    double sum = 0;
    try (NDArray divided = products.quotient(x, divisors);
        NDArray dots = products.rowProducts(divided);
        Matrix rows = runtime.view(divided, sequences * length, width);
        Matrix dotRows = runtime.view(dots, sequences * length, length)) {
      float[] dot = new float[length];
      float[] row = new float[width];
      for (int s = 0; s < sequences; s++) {
        double[] diagonal = new double[width];
        for (int t = s * length; t < (s + 1) * length; t++) {
          dotRows.readRow(t, dot);
          for (float d : dot) {
            sum += (double) d * d;
          }
          rows.readRow(t, row);
          for (int k = 0; k < width; k++) {
            diagonal[k] += (double) row[k] * row[k];
          }
        }
        for (double d : diagonal) {
          sum -= d * d;
        }
      }
    }
    return sum;
  }
}
