package io.calm.cka;

/**
 * Linear CKA as first published (Kornblith et al., arXiv 1905.00414, section 3): {@code ||Y'X||_F^2
 * / (||X'X||_F ||Y'Y||_F)}, columns centred. Defined where neither matrix is constant.
 */
final class BiasedCka {
  private BiasedCka() {}

  static Score judge(Metric metric, Comparison comparison) {
    double biased = comparison.biased();
    if (Double.isNaN(biased)) {
      String constant = comparison.reference().product() > 0 ? "candidate" : "reference";
      return new Score.Undefined(
          "%s: the %s is the same in all %d rows"
              .formatted(metric.setting(), constant, comparison.rows()));
    }
    return comparison.value(biased);
  }
}
