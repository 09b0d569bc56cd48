package io.calm.cka;

/**
 * The negative relative squared error {@code -||C - R||_F^2 / ||R||_F^2}: 0 for equal matrices,
 * less for worse ones. Unlike CKA it sees scale and shift. Undefined if the reference is zero.
 *
 * <p>The normalized form divides each row of C and of R by its own root mean square first, as
 * RMSNorm does: {@code -sum |c/|c| - r/|r||^2 / n} over the n rows of R that are not zero. Each row
 * then has the same weight, whatever its norm.
 */
final class RelativeMse {
  private RelativeMse() {}

  /** Returns the score of a relative error. */
  static Score judge(Metric metric, Comparison comparison, double error) {
    if (!Double.isFinite(error)) {
      return new Score.Undefined(
          "%s: all %d rows of the reference are zero"
              .formatted(metric.setting(), comparison.rows()));
    }
    return comparison.value(error == 0 ? 0 : -error);
  }
}
