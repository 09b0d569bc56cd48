package io.calm.cka;

import io.calm.tensor.Matrix;

/**
 * A measure of how alike two matrices [n, d] with the same rows (tokens) and columns (features)
 * are. Implementations hold no state and are safe for any number of threads.
 */
public interface Similarity {

  /** Returns the metric that this measure computes. */
  Metric metric();

  /** Returns whether the measure depends on the input of the block. */
  boolean readsInput();

  /**
   * Prepares a reference for any number of candidates; what depends on it alone is computed once.
   *
   * @param reference [n, d]; read, not copied, so it must stay as it is while the result is used
   * @param input the matrix that the reference was computed from, [n, d], likewise; not read unless
   *     {@link #readsInput}
   * @param rows how much each row of {@code reference} and of every candidate counts
   */
  Reference reference(Matrix reference, Matrix input, ComparedRows rows);

  /** Prepares a reference for a measure that does not read the input. */
  default Reference reference(Matrix reference, ComparedRows rows) {
    if (readsInput()) {
      throw new IllegalArgumentException(
          "%s: expected the input of the block too, got none".formatted(metric().setting()));
    }
    return reference(reference, reference, rows);
  }

  /** Scores one candidate on all rows. */
  default Score score(Matrix reference, Matrix candidate) {
    return reference(reference, ComparedRows.all(reference.rows())).score(candidate);
  }

  /** A reference that is ready to be compared. Thread safe. */
  interface Reference {

    /** Returns the rows that are compared. */
    ComparedRows rows();

    /**
     * Scores a candidate. Numbers that are not finite, on either side, give {@link
     * Score.Undefined}.
     *
     * @param candidate [n, d], of the reference's shape
     * @throws IllegalArgumentException if the shapes differ
     */
    Score score(Matrix candidate);
  }
}
