package io.calm.cka;

import io.calm.tensor.Matrix;
import java.util.function.IntToDoubleFunction;

/** The rows of a matrix as a metric reads them, [n, d]. Computed when they are read. Immutable. */
interface RowView {
  /** Returns n. */
  int rows();

  /** Returns d. */
  int columns();

  /** Copies {@code length} elements of row {@code row} from column {@code from} on. */
  void readRow(int row, int from, float[] target, int offset, int length);

  /** Copies a row into the first {@link #columns} elements of {@code target}. */
  default void readRow(int row, float[] target) {
    readRow(row, 0, target, 0, columns());
  }

  /** Returns the rows as they are. */
  static RowView of(Matrix matrix) {
    return new Plain(matrix);
  }

  /** Returns the rows of {@code matrix - subtrahend}. */
  static RowView difference(Matrix matrix, Matrix subtrahend) {
    if (matrix.rows() != subtrahend.rows() || matrix.columns() != subtrahend.columns()) {
      throw new IllegalArgumentException(
          "input: expected the shape of the output, %s, got %s".formatted(matrix, subtrahend));
    }
    return new Difference(matrix, subtrahend);
  }

  /**
   * Returns the rows divided by their root mean square, as RMSNorm divides them before it applies
   * its weights. A row of zeros stays as it is.
   */
  static RowView normalized(Matrix matrix) {
    double[] scales = new double[matrix.rows()];
    float[] values = new float[matrix.columns()];
    for (int r = 0; r < scales.length; r++) {
      matrix.readRow(r, values);
      double squares = 0;
      for (float x : values) {
        squares += (double) x * x;
      }
      scales[r] = squares == 0 ? 1 : Math.sqrt(values.length / squares);
    }
    return new Scaled(of(matrix), row -> scales[row]);
  }

  /** Returns the rows times their factors in a comparison. */
  default RowView scaled(ComparedRows factors) {
    return factors.sinks() == 0 ? this : new Scaled(this, factors::factor);
  }

  /** The rows as they are. */
  record Plain(Matrix matrix) implements RowView {
    @Override
    public int rows() {
      return matrix.rows();
    }

    @Override
    public int columns() {
      return matrix.columns();
    }

    @Override
    public void readRow(int row, int from, float[] target, int offset, int length) {
      matrix.readRow(row, from, target, offset, length);
    }
  }

  /** The rows of a difference. */
  record Difference(Matrix matrix, Matrix subtrahend) implements RowView {
    @Override
    public int rows() {
      return matrix.rows();
    }

    @Override
    public int columns() {
      return matrix.columns();
    }

    @Override
    public void readRow(int row, int from, float[] target, int offset, int length) {
      float[] less = new float[length];
      matrix.readRow(row, from, target, offset, length);
      subtrahend.readRow(row, from, less, 0, length);
      for (int k = 0; k < length; k++) {
        target[offset + k] -= less[k];
      }
    }
  }

  /** Rows with a factor for each. */
  record Scaled(RowView view, IntToDoubleFunction factors) implements RowView {
    @Override
    public int rows() {
      return view.rows();
    }

    @Override
    public int columns() {
      return view.columns();
    }

    @Override
    public void readRow(int row, int from, float[] target, int offset, int length) {
      view.readRow(row, from, target, offset, length);
      double factor = factors.applyAsDouble(row);
      for (int k = offset; k < offset + length; k++) {
        target[k] = (float) (target[k] * factor);
      }
    }
  }
}
