package io.calm.cka;

import io.calm.kernels.SearchKernels;
import java.util.Locale;

/** The measure that scores candidates ({@code calm.search.metric}). */
public enum Metric {
  /** Debiased linear CKA. */
  CKA,
  /** Linear CKA with the biased estimator. */
  CKA_BIASED,
  /** Squared error relative to the squared norm of the reference. */
  RELATIVE_MSE;

  /** Returns the spelling in settings and plans, e.g. {@code relative-mse}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Returns the measure.
   *
   * @param threads maximum number of threads of a comparison, the caller's included; the result has
   *     the same bits whatever their number
   * @param kernels innermost loops, in Java or in C
   */
  public Similarity similarity(int threads, SearchKernels kernels) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads: expected 1 or more, got " + threads);
    }
    return switch (this) {
      case CKA -> new DebiasedCka(threads, kernels);
      case CKA_BIASED -> new BiasedCka(threads, kernels);
      case RELATIVE_MSE -> new RelativeMse(threads, kernels);
    };
  }
}
