package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import java.util.EnumMap;
import java.util.Map;

/**
 * A reference that is compared by every metric. Metrics of the same features share one comparison.
 * Thread safe.
 */
public final class AllMetrics {
  private final Map<Features, LinearReference> references = new EnumMap<>(Features.class);

  /**
   * Prepares a reference for any number of candidates.
   *
   * @param reference output of the full-precision block, [n, d]; read, not copied
   * @param input of the full-precision block, [n, d]; read, not copied
   * @param rows how much each row counts
   * @param threads maximum number of threads of a comparison, the caller's included
   */
  public AllMetrics(
      Matrix reference, Matrix input, ComparedRows rows, int threads, SearchKernels kernels) {
    for (Features features : Features.values()) {
      references.put(
          features, new LinearReference(reference, input, rows, features, threads, kernels));
    }
  }

  /** Returns the score of a candidate [n, d] by each metric. */
  public Map<Metric, Score> scores(Matrix candidate) {
    Map<Metric, Score> scores = new EnumMap<>(Metric.class);
    references.forEach(
        (features, reference) -> {
          Compared compared = reference.compare(candidate);
          for (Metric metric : Metric.values()) {
            if (metric.features() == features) {
              scores.put(metric, metric.judge(compared));
            }
          }
        });
    return scores;
  }
}
