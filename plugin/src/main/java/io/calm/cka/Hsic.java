package io.calm.cka;

/**
 * The terms of the HSIC of two centred matrices X, Y with n rows, where K = XX' and L = YY'.
 *
 * @param rows n
 * @param product tr(KL) = ||Y'X||_F^2, which is (n - 1)^2 times the biased estimate
 * @param diagonals sum over i of K[i,i] L[i,i]
 * @param traces tr(K) tr(L)
 */
record Hsic(int rows, double product, double diagonals, double traces) {
  /** The unbiased estimator divides by n (n - 3). */
  static final int MIN_ROWS = 4;

  /** Below this share of {@link #product} a difference is rounding. */
  private static final double ROUNDING = 1e-12;

  /**
   * Returns n (n - 3) times the unbiased estimate.
   *
   * <p>Its definition is tr(K~L~) + 1'K~1 1'L~1 / ((n-1)(n-2)) - 2 / (n-2) 1'K~L~1 where K~, L~
   * have zero diagonals. Centred rows sum to zero, so K1 = 0, K~1 = -diag(K), and all three terms
   * follow from sums over d x d products and row norms. The estimator does not change with a shift,
   * hence centring is exact.
   */
  double unbiased() {
    double n = rows;
    return product - diagonals * (n / (n - 2)) + traces / ((n - 1) * (n - 2));
  }

  /** Returns whether {@link #unbiased} is defined and positive beyond rounding. */
  boolean unbiasedIsPositive() {
    return rows >= MIN_ROWS && unbiased() > ROUNDING * product;
  }
}
