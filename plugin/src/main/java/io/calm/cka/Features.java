package io.calm.cka;

import io.calm.tensor.Matrix;

/** The features of a block that a metric compares. */
enum Features {
  /** The output of the block: the residual stream after it. */
  OUTPUT,
  /** The output minus the input that the full-precision block read: what the block adds. */
  CONTRIBUTION,
  /** The output, each row divided by its root mean square, as the next norm reads it. */
  NORMALIZED;

  /**
   * Returns the features of an output.
   *
   * @param output [n, d]
   * @param input of the full-precision block, [n, d]
   * @param rows how much each row counts; normalized rows count the same
   */
  RowView of(Matrix output, Matrix input, ComparedRows rows) {
    return switch (this) {
      case OUTPUT -> RowView.of(output).scaled(rows);
      case CONTRIBUTION -> RowView.difference(output, input).scaled(rows);
      case NORMALIZED -> RowView.normalized(output);
    };
  }
}
