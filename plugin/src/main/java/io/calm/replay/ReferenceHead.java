package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.tensor.Matrix;

/**
 * The full-precision lm_head, [V, D] float32, in the memory of the engine's device. Not thread
 * safe.
 */
public final class ReferenceHead implements AutoCloseable {
  private final TorchRuntime runtime;
  private final NDArray table;

  ReferenceHead(TorchRuntime runtime, NDArray table) {
    this.runtime = runtime;
    this.table = table;
  }

  /**
   * Computes logits.
   *
   * @param normalized rows of the output of {@link ReferenceModel#finalNorm}, [n, D]
   * @return [n, V]; closed by the caller
   */
  public Matrix logits(Matrix normalized) {
    int vocabulary = Math.toIntExact(table.getShape().get(0));
    try (NDArray rows = runtime.array(normalized)) {
      NDArray logits = runtime.products().linear(rows, table);
      return runtime.matrix(logits, normalized.rows(), vocabulary);
    }
  }

  @Override
  public void close() {
    table.close();
  }
}
