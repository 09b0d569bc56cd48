package io.calm.model;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/** A source of full-precision weights, read one block at a time. */
public interface WeightSource {

  /** Returns the model's topology and sizes. */
  ModelSpec spec();

  /** Reads block {@code layer} as float32. The caller closes the matrices. */
  BlockParameters<Matrix> block(int layer);

  /** The same on several threads, where the source can. */
  default BlockParameters<Matrix> block(int layer, Parallel parallel) {
    return block(layer);
  }

  /**
   * Reads rows {@code from} (inclusive) to {@code to} (exclusive) of the embedding table, [to -
   * from, D] float32. The caller closes the matrix.
   */
  Matrix embeddingRows(int from, int to);

  /** Reads rows of the lm_head, or of the embedding table if they are tied. */
  Matrix headRows(int from, int to);

  /** Reads the final norm's weight [D]. */
  float[] finalNorm();
}
