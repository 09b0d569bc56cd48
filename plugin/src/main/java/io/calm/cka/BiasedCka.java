package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;

/**
 * Linear CKA as first published (Kornblith et al., arXiv 1905.00414, section 3): {@code ||Y'X||_F^2
 * / (||X'X||_F ||Y'Y||_F)}, columns centred. Defined where neither matrix is constant.
 */
record BiasedCka(int threads, SearchKernels kernels) implements Similarity {
  @Override
  public Metric metric() {
    return Metric.CKA_BIASED;
  }

  @Override
  public Reference reference(Matrix reference, ComparedRows rows) {
    return new LinearReference(reference, rows, threads, kernels, BiasedCka::judge);
  }

  private static Score judge(Comparison comparison) {
    double biased = comparison.biased();
    if (Double.isNaN(biased)) {
      String constant = comparison.reference().product() > 0 ? "candidate" : "reference";
      return new Score.Undefined(
          "%s: the %s is the same in all %d rows"
              .formatted(Metric.CKA_BIASED.setting(), constant, comparison.rows()));
    }
    return comparison.value(biased);
  }
}
