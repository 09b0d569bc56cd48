package io.calm.replay;

import ai.djl.ndarray.NDArray;

/**
 * The operations of a block between its linears, on chunks [windows, T, ..]. Closes the resources
 * it was created with.
 */
interface BlockOperations extends AutoCloseable {

  /** Returns the norm of {@code x} [.., D]. */
  NDArray norm(NDArray x, float[] weight);

  /** Returns the concatenated heads of a chunk, [windows, T, heads * headDim]. */
  NDArray attention(NDArray q, NDArray k, NDArray v);

  /** Returns {@code silu(gate) * up}. */
  NDArray gate(NDArray gate, NDArray up);

  /** Returns the sum. {@code x} is closed, or is the sum itself. */
  NDArray add(NDArray x, NDArray y);

  @Override
  void close();
}
