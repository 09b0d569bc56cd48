package io.calm.cka;

import io.calm.tensor.Matrix;

/** A reference that candidates are compared with by one metric. Thread safe. */
public final class MetricReference {
  private final Metric metric;
  private final ComparedRows rows;
  private final LinearReference reference;

  MetricReference(Metric metric, ComparedRows rows, LinearReference reference) {
    this.metric = metric;
    this.rows = rows;
    this.reference = reference;
  }

  /** Returns the rows that are compared. */
  public ComparedRows rows() {
    return rows;
  }

  /**
   * Scores a candidate. Numbers that are not finite, on either side, give {@link Score.Undefined}.
   *
   * @param candidate [n, d], of the reference's shape
   * @throws IllegalArgumentException if the shapes differ
   */
  public Score score(Matrix candidate) {
    return metric.judge(reference.compare(candidate));
  }
}
