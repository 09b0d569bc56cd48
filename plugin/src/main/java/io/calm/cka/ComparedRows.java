package io.calm.cka;

import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import java.util.Arrays;

/**
 * How much each row of a matrix counts in a comparison: all the same, or attention sinks less.
 *
 * <p>Linear CKA weighs a row by the fourth power of its norm. A sink (the first token of a
 * sequence, with 35 to 170 times the median norm on SmolLM2) would therefore decide the score
 * alone, and every candidate would look perfect. The next norm divides a row by its root mean
 * square, so a sink is compared as if it had an ordinary norm. To leave it out would be wrong as
 * well: every later token attends to it. Immutable.
 */
public final class ComparedRows {
  /** Rows over this many median norms are sinks unless the operator says otherwise. */
  public static final double DEFAULT_THRESHOLD = 20;

  private final float[] factors;

  private ComparedRows(float[] factors) {
    this.factors = factors;
  }

  /** Returns {@code count} rows that count as they are. */
  public static ComparedRows all(int count) {
    float[] factors = new float[count];
    Arrays.fill(factors, 1);
    return new ComparedRows(factors);
  }

  /**
   * Returns the rows of {@code reference} [n, d], of which those with a Euclidean norm above {@code
   * threshold} times the median row's count as if they had half the median norm to the whole; all
   * count as they are if the median is zero. A row that is not finite is one of them, so that the
   * comparison reports it.
   */
  public static ComparedRows scalingSinks(Matrix reference, double threshold) {
    if (!(threshold > 0)) {
      throw new IllegalArgumentException(
          "sink threshold: expected a positive multiple of the median row norm, got " + threshold);
    }
    double[] norms = RowNorms.of(reference);
    return new ComparedRows(RowNorms.sinkFactors(norms, RowNorms.median(norms), threshold));
  }

  /** Returns rows of which each counts as the lesser of here and in {@code other}. */
  public ComparedRows and(ComparedRows other) {
    if (count() != other.count()) {
      throw new IllegalArgumentException("%d and %d rows".formatted(count(), other.count()));
    }
    float[] lesser = new float[count()];
    for (int row = 0; row < lesser.length; row++) {
      lesser[row] = Math.min(factors[row], other.factors[row]);
    }
    return new ComparedRows(lesser);
  }

  /** Returns the number of rows. */
  public int count() {
    return factors.length;
  }

  /** Returns how many rows are scaled down. */
  public int sinks() {
    int sinks = 0;
    for (float factor : factors) {
      sinks += factor < 1 ? 1 : 0;
    }
    return sinks;
  }

  /** Returns the power of two that a row is multiplied by, at most 1. */
  float factor(int row) {
    return factors[row];
  }
}
