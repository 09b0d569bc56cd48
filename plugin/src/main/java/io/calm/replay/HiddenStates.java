package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The residual stream of a set of token windows of equal length, [windows, T, D], float32 on the
 * device of the engine. Held in chunks of whole windows, which keeps the activations of one block
 * small.
 */
public final class HiddenStates implements AutoCloseable {
  private final TorchRuntime runtime;
  private final List<NDArray> chunks;

  HiddenStates(TorchRuntime runtime, List<NDArray> chunks) {
    this.runtime = runtime;
    this.chunks = List.copyOf(chunks);
  }

  TorchRuntime runtime() {
    return runtime;
  }

  /** Returns the chunks, each [windows, T, D]. */
  List<NDArray> chunks() {
    return chunks;
  }

  /** Returns T. */
  public int length() {
    return Math.toIntExact(chunks.get(0).getShape().get(1));
  }

  /** Returns the number of token rows. */
  public int rows() {
    return chunks.stream().mapToInt(c -> Math.toIntExact(c.size() / width())).sum();
  }

  /** Returns D. */
  public int width() {
    return Math.toIntExact(chunks.get(0).getShape().get(2));
  }

  /** Returns a copy of all rows, [rows, D], in the order of the windows. */
  public Matrix toMatrix() {
    try (Owned opening = new Owned()) {
      Matrix all = Matrix.allocate(rows(), width());
      opening.add(all, all::close);
      copyTo(all);
      opening.handOver();
      return all;
    }
  }

  private void copyTo(Matrix all) {
    float[] row = new float[width()];
    int at = 0;
    for (NDArray chunk : chunks) {
      int count = Math.toIntExact(chunk.size() / width());
      Matrix part = runtime.view(chunk, count, width());
      for (int r = 0; r < count; r++) {
        part.readRow(r, row);
        all.writeRow(at++, row);
      }
      part.close();
    }
  }

  /** Returns X'X [D, D] over all rows. */
  public Matrix gram() {
    return runtime.products().gram(chunks, TokenWeights.equal(), width(), Optional.empty());
  }

  /**
   * Returns the squared correlations of each single window, summed over windows.
   *
   * @param gram of {@link #gram}
   */
  public double squaredCorrelations(Matrix gram) {
    double sum = 0;
    SequenceCorrelations correlations = new SequenceCorrelations(runtime, runtime.products(), gram);
    for (NDArray chunk : chunks) {
      sum += correlations.of(chunk);
    }
    return sum;
  }

  /** Returns the number of windows. */
  public int windows() {
    return chunks.stream().mapToInt(c -> Math.toIntExact(c.getShape().get(0))).sum();
  }

  /** Returns a copy that shares no memory with this object. */
  public HiddenStates copy() {
    List<NDArray> copies = new ArrayList<>();
    try (Owned opening = new Owned()) {
      for (NDArray chunk : chunks) {
        NDArray copy = chunk.duplicate();
        copies.add(opening.add(copy, copy::close));
      }
      opening.handOver();
    }
    return new HiddenStates(runtime, copies);
  }

  @Override
  public void close() {
    chunks.forEach(NDArray::close);
  }
}
