package io.calm.quant.gptq;

import io.calm.quant.InputStatistics;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * Shrinkage of a Hessian towards its diagonal (Ledoit and Wolf 2004; Schaefer and Strimmer 2005):
 * its off-diagonal elements are multiplied by 1 - a.
 *
 * <p>With few tokens, the off-diagonal elements of X'X are mostly noise, and rounding against them
 * fits the tokens at hand. The intensity a that minimizes the expected squared error of the
 * correlations {@code r_ij = h_ij / sqrt(h_ii h_jj)} is the sum of their variances over the sum of
 * their squares. Correlations, because a few inputs with large values would decide it otherwise,
 * while the others are as noisy. The tokens of a sequence depend on each other, so the variances
 * are those between sequences: with Q of them, each contributing {@code r_q} to r,
 *
 * <pre>
 * a = Q / (Q - 1) (sum_q |r_q|^2 - |r|^2 / Q) / |r|^2,   |r|^2 = sum of r_ij^2 over i != j
 * </pre>
 *
 * <p>With one sequence, the variances are those of n independent normal tokens, {@code (1 + r_ij^2)
 * / n}. With a near 1 the Hessian is close to its diagonal, which is the weighted rounding to
 * nearest.
 */
final class Shrinkage {
  private Shrinkage() {}

  /**
   * Shrinks in place.
   *
   * @param hessian X'X of {@code inputs}, [K, K]
   * @return the intensity, 0 to 1
   */
  static double apply(Matrix hessian, InputStatistics inputs, Parallel parallel) {
    double intensity = intensity(hessian, inputs, parallel);
    float kept = (float) (1 - intensity);
    parallel.ranges(
        hessian.rows(),
        (from, to) -> {
          float[] row = new float[hessian.columns()];
          for (int i = from; i < to; i++) {
            hessian.readRow(i, row);
            float diagonal = row[i];
            for (int j = 0; j < row.length; j++) {
              row[j] *= kept;
            }
            row[i] = diagonal;
            hessian.writeRow(i, row);
          }
        });
    return intensity;
  }

  private static double intensity(Matrix hessian, InputStatistics inputs, Parallel parallel) {
    float[] deviations = new float[hessian.rows()]; // not centred
    for (int i = 0; i < deviations.length; i++) {
      deviations[i] = (float) Math.sqrt(hessian.get(i, i));
    }
    double squares = squaredCorrelations(hessian, deviations, parallel);
    if (squares == 0) {
      return 0;
    }
    int sequences = inputs.sequences();
    double variances;
    if (sequences > 1) {
      double between = inputs.squaredCorrelations(hessian) - squares / sequences;
      variances = between * sequences / (sequences - 1);
    } else {
      double used = 0;
      for (float deviation : deviations) {
        used += deviation > 0 ? 1 : 0;
      }
      variances = (used * (used - 1) + squares) / inputs.rows();
    }
    return Math.max(0, Math.min(1, variances / squares));
  }

  /** Returns the sum of r_ij^2 over i != j; inputs that are always zero have no correlation. */
  private static double squaredCorrelations(Matrix hessian, float[] deviations, Parallel parallel) {
    double[] ofRow = new double[hessian.rows()];
    parallel.ranges(
        hessian.rows(),
        (from, to) -> {
          float[] row = new float[hessian.columns()];
          for (int i = from; i < to; i++) {
            hessian.readRow(i, row);
            for (int j = 0; j < row.length; j++) {
              if (j != i && deviations[i] > 0 && deviations[j] > 0) {
                double correlation = row[j] / ((double) deviations[i] * deviations[j]);
                ofRow[i] += correlation * correlation;
              }
            }
          }
        });
    double sum = 0;
    for (double squares : ofRow) {
      sum += squares;
    }
    return sum;
  }
}
