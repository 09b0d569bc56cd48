package io.calm.replay;

import ai.djl.ndarray.NDArray;
import java.util.List;

/**
 * The operations of a block between its linears, on chunks [windows, T, ..]. Closes the resources
 * it was created with.
 */
interface BlockOperations extends AutoCloseable {

  /** Returns the norm of {@code x} [.., D]. */
  NDArray norm(NDArray x, float[] weight);

  /** Returns the concatenated heads of each chunk, [windows, T, heads * headDim]. */
  List<NDArray> attention(List<NDArray> q, List<NDArray> k, List<NDArray> v);

  /** Returns {@code silu(gate) * up}. */
  NDArray gate(NDArray gate, NDArray up);

  /** Returns the sum. {@code x} is closed, or is the sum itself. */
  NDArray add(NDArray x, NDArray y);

  @Override
  void close();
}
