package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.RowNorms;

/**
 * Operations on each row of the engine's arrays [.., K], on all threads of the search. The engine
 * computes them on one thread. The arrays are in CPU memory.
 */
record ParallelRows(TorchRuntime runtime, Parallel parallel) {

  /** A change of the values of a row, [K]. */
  private interface Change {
    void apply(int row, float[] values);
  }

  /** Returns a copy. */
  NDArray copy(NDArray x) {
    return changed(x, (row, values) -> {});
  }

  /** Returns {@code x} divided by {@code divisors} [K], as a new array. */
  NDArray quotient(NDArray x, float[] divisors) {
    return changed(
        x,
        (row, values) -> {
          for (int k = 0; k < values.length; k++) {
            values[k] /= divisors[k];
          }
        });
  }

  /** Subtracts {@code y} from {@code x} in place. */
  void subtract(NDArray x, NDArray y) {
    Matrix target = view(x);
    Matrix source = view(y);
    parallel.ranges(
        target.rows(),
        (from, to) -> {
          float[] minuend = new float[target.columns()];
          float[] subtrahend = new float[target.columns()];
          for (int row = from; row < to; row++) {
            target.readRow(row, minuend);
            source.readRow(row, subtrahend);
            for (int k = 0; k < minuend.length; k++) {
              minuend[k] -= subtrahend[k];
            }
            target.writeRow(row, minuend);
          }
        });
  }

  /** Multiplies each row of {@code x} by its factor in place. */
  void scale(NDArray x, float[] factors) {
    Matrix matrix = view(x);
    change(
        matrix,
        matrix,
        (row, values) -> {
          float factor = factors[row];
          for (int k = 0; k < values.length; k++) {
            values[k] *= factor;
          }
        });
  }

  /** Returns the norm of each row of {@code x}, summed in float64. */
  double[] norms(NDArray x) {
    return RowNorms.of(view(x), parallel);
  }

  /** Copies some rows. */
  static void copy(Matrix source, Matrix target, int from, int to) {
    float[] values = new float[source.columns()];
    for (int row = from; row < to; row++) {
      source.readRow(row, values);
      target.writeRow(row, values);
    }
  }

  private NDArray changed(NDArray x, Change change) {
    return runtime.filled(x.getShape(), copy -> change(view(x), view(copy), change));
  }

  private void change(Matrix source, Matrix target, Change change) {
    parallel.ranges(
        source.rows(),
        (from, to) -> {
          float[] values = new float[source.columns()];
          for (int row = from; row < to; row++) {
            source.readRow(row, values);
            change.apply(row, values);
            target.writeRow(row, values);
          }
        });
  }

  /** Returns an array as rows of its last axis. */
  private Matrix view(NDArray x) {
    int width = Math.toIntExact(x.getShape().get(x.getShape().dimension() - 1));
    return runtime.view(x, Math.toIntExact(x.size() / width), width);
  }
}
