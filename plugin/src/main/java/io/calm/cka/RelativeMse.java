package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;

/**
 * The negative relative squared error {@code -||C - R||_F^2 / ||R||_F^2}: 0 for equal matrices,
 * less for worse ones. Unlike CKA it sees scale and shift. Undefined if the reference is zero.
 */
record RelativeMse(int threads, SearchKernels kernels) implements Similarity {
  @Override
  public Metric metric() {
    return Metric.RELATIVE_MSE;
  }

  @Override
  public Reference reference(Matrix reference, ComparedRows rows) {
    return new LinearReference(reference, rows, threads, kernels, RelativeMse::judge);
  }

  private static Score judge(Comparison comparison) {
    double error = comparison.relativeMse();
    if (!Double.isFinite(error)) {
      return new Score.Undefined(
          "%s: all %d rows of the reference are zero"
              .formatted(Metric.RELATIVE_MSE.setting(), comparison.rows()));
    }
    return comparison.value(error == 0 ? 0 : -error);
  }
}
