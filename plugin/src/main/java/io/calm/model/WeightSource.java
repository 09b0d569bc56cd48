package io.calm.model;

import io.calm.tensor.Matrix;

/** Where full-precision weights are read from, a block at a time. */
public interface WeightSource {

  /** Returns sizes and topology. */
  ModelSpec spec();

  /** Reads block {@code layer} as float32. The caller closes the matrices. */
  BlockParameters<Matrix> block(int layer);

  /**
   * Reads rows {@code from} (inclusive) to {@code to} (exclusive) of the embedding table, [to -
   * from, D] float32. The caller closes the matrix.
   */
  Matrix embeddingRows(int from, int to);

  /** Reads rows of the lm_head; of the embedding table where they are tied. */
  Matrix headRows(int from, int to);

  /** Reads the final norm's weight [D]. */
  float[] finalNorm();
}
