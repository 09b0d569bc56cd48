package io.calm.cka;

/**
 * Linear CKA (arXiv 1905.00414) from the unbiased estimator of HSIC (Song et al., JMLR 13, 2012,
 * section 3.2; Nguyen et al., arXiv 2010.15327): {@code HSIC1(K, L) / sqrt(HSIC1(K, K) HSIC1(L,
 * L))}. Near 0 for independent rows at any n and d, where the biased value tends to 1 as d/n grows.
 * Defined for 4 rows or more and positive denominators.
 */
final class DebiasedCka {
  private DebiasedCka() {}

  static Score judge(Metric metric, Comparison comparison) {
    int rows = comparison.rows();
    if (rows < Hsic.MIN_ROWS) {
      return new Score.Undefined(
          "%s: expected %d rows or more, got %d".formatted(metric.setting(), Hsic.MIN_ROWS, rows));
    }
    if (!comparison.reference().unbiasedIsPositive()) {
      return undefined(metric, "reference", comparison.reference());
    }
    if (!comparison.candidate().unbiasedIsPositive()) {
      return undefined(metric, "candidate", comparison.candidate());
    }
    return comparison.value(comparison.debiased());
  }

  private static Score undefined(Metric metric, String which, Hsic hsic) {
    return new Score.Undefined(
        ("%s: the rows of the %s differ too little to be compared: expected a similarity with itself"
                + " above 0, got %.3g (%.3g with bias)")
            .formatted(metric.setting(), which, hsic.unbiased(), hsic.product()));
  }
}
