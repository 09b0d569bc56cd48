package io.calm.cka;

/**
 * The statistics of a reference X and a candidate Y that every measure is computed from.
 *
 * @param cross of X with Y
 * @param reference of X with itself
 * @param candidate of Y with itself
 * @param relativeMse of the outputs, not centred; infinite or NaN for a reference of zeros
 * @param normalizedMse of the outputs with rows of the same norm, likewise
 */
record Comparison(
    Hsic cross, Hsic reference, Hsic candidate, double relativeMse, double normalizedMse)
    implements Compared {

  int rows() {
    return cross.rows();
  }

  /** Returns the debiased linear CKA, or NaN if it is undefined. */
  double debiased() {
    if (!reference.unbiasedIsPositive() || !candidate.unbiasedIsPositive()) {
      return Double.NaN;
    }
    return cross.unbiased() / (Math.sqrt(reference.unbiased()) * Math.sqrt(candidate.unbiased()));
  }

  /** Returns the biased linear CKA, or NaN if a matrix is constant. */
  double biased() {
    if (!(reference.product() > 0 && candidate.product() > 0)) {
      return Double.NaN;
    }
    return cross.product() / (Math.sqrt(reference.product()) * Math.sqrt(candidate.product()));
  }

  /** Returns a score whose value is {@code value}. */
  Score value(double value) {
    return new Score.Value(value, debiased(), biased(), relativeMse, normalizedMse);
  }
}
