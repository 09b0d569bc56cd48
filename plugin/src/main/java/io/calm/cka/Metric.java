package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import java.util.Locale;

/** The measure that scores candidates ({@code calm.search.metric}). */
public enum Metric {
  /** Debiased linear CKA. */
  CKA(Features.OUTPUT),
  /** Linear CKA with the biased estimator. */
  CKA_BIASED(Features.OUTPUT),
  /** Debiased linear CKA of what the block adds to its input. */
  CKA_CONTRIBUTION(Features.CONTRIBUTION),
  /** Debiased linear CKA of rows that are divided by their root mean square. */
  CKA_NORMALIZED(Features.NORMALIZED),
  /** Squared error relative to the squared norm of the reference. */
  RELATIVE_MSE(Features.OUTPUT),
  /** Relative squared error of rows that are divided by their root mean square. */
  RELATIVE_MSE_NORMALIZED(Features.OUTPUT);

  private final Features features;

  Metric(Features features) {
    this.features = features;
  }

  /** Returns the spelling in settings and plans, e.g. {@code relative-mse}. */
  public String setting() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /**
   * Prepares a reference for any number of candidates; what depends on it alone is computed once.
   *
   * @param output [n, d]; read, not copied, so it must stay as it is while the result is used
   * @param input the matrix that the output was computed from, [n, d], likewise; not read unless
   *     {@link #readsInput}
   * @param rows how much each row of the output and of every candidate counts
   * @param threads maximum number of threads of a comparison, the caller's included; the result has
   *     the same bits whatever their number
   * @param kernels innermost loops, in Java or in C
   */
  public MetricReference reference(
      Matrix output, Matrix input, ComparedRows rows, int threads, SearchKernels kernels) {
    return new MetricReference(
        this, rows, new LinearReference(output, input, rows, features, threads, kernels));
  }

  /** Returns whether the measure depends on the input of the block. */
  public boolean readsInput() {
    return features == Features.CONTRIBUTION;
  }

  /** Returns the score of two equal matrices, which no other score exceeds. */
  public double best() {
    return switch (this) {
      case CKA, CKA_BIASED, CKA_CONTRIBUTION, CKA_NORMALIZED -> 1;
      case RELATIVE_MSE, RELATIVE_MSE_NORMALIZED -> 0;
    };
  }

  /** Returns the features that are compared. */
  Features features() {
    return features;
  }

  /** Returns the score of a comparison of {@link #features}. */
  Score judge(Compared compared) {
    return compared instanceof Comparison comparison
        ? judge(comparison)
        : (Score.Undefined) compared;
  }

  private Score judge(Comparison comparison) {
    return switch (this) {
      case CKA, CKA_CONTRIBUTION, CKA_NORMALIZED -> DebiasedCka.judge(this, comparison);
      case CKA_BIASED -> BiasedCka.judge(this, comparison);
      case RELATIVE_MSE -> RelativeMse.judge(this, comparison, comparison.relativeMse());
      case RELATIVE_MSE_NORMALIZED ->
          RelativeMse.judge(this, comparison, comparison.normalizedMse());
    };
  }
}
