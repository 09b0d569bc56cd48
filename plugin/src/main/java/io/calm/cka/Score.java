package io.calm.cka;

/** The similarity of a candidate to its reference, or the reason why it is undefined. */
public sealed interface Score {

  /**
   * A defined score.
   *
   * @param value the value that the search maximizes; the metric decides which of the others it is
   * @param debiased linear CKA from the unbiased HSIC, of the metric's features; NaN where another
   *     metric is used and this one is undefined
   * @param biased {@code ||Y'X||_F^2 / (||X'X||_F ||Y'Y||_F)}, columns centred; NaN likewise
   * @param relativeMse {@code ||C - R||_F^2 / ||R||_F^2} of the outputs over the same rows, not
   *     centred, whatever the metric's features
   * @param normalizedMse the same with each row divided by its root mean square
   */
  record Value(
      double value, double debiased, double biased, double relativeMse, double normalizedMse)
      implements Score {}

  /**
   * The candidate has no score.
   *
   * @param reason which condition failed and with what numbers, in a sentence
   */
  record Undefined(String reason) implements Score, Compared {}
}
