package io.calm.replay;

import io.calm.tensor.RowNorms;
import java.util.Arrays;

/** The limit of what one token deviates by, as tests expect it. */
final class DeviationLimit {
  private DeviationLimit() {}

  /** Returns a factor per token that lets no norm exceed four medians. */
  static double[] factors(double[] norms) {
    double limit = 4 * RowNorms.median(norms);
    return Arrays.stream(norms).map(norm -> Math.min(1, limit / norm)).toArray();
  }
}
