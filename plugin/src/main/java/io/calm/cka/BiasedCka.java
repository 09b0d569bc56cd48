package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;

/**
 * Linear CKA as first published (Kornblith et al., arXiv 1905.00414, section 3): {@code ||Y'X||_F^2
 * / (||X'X||_F ||Y'Y||_F)}, columns centred. Defined where neither matrix is constant.
 */
record BiasedCka(int threads, SearchKernels kernels) implements Similarity {
  static final String NAME = "cka-biased";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public Reference reference(Matrix reference, Rows rows) {
    return new LinearReference(reference, rows, threads, kernels, BiasedCka::judge);
  }

  private static Score judge(Comparison comparison) {
    double biased = comparison.biased();
    if (Double.isNaN(biased)) {
      String constant = comparison.reference().product() > 0 ? "candidate" : "reference";
      return new Score.Undefined(
          "%s: the %s is the same in all %d rows".formatted(NAME, constant, comparison.rows()));
    }
    return comparison.value(biased);
  }
}
