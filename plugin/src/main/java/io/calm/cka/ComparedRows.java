package io.calm.cka;

import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import java.util.Arrays;

/**
 * The rows of a matrix in a comparison, each with a factor: all 1, or less for attention sinks.
 *
 * <p>Linear CKA weighs a row by the fourth power of its norm. A sink (the first token of a
 * sequence, with 35 to 170 times the median norm on SmolLM2) would therefore decide the score
 * alone, and every candidate would look perfect. The next norm divides a row by its root mean
 * square, so a sink is compared as if it had an ordinary norm. To leave it out would be wrong as
 * well: every later token attends to it. Immutable.
 */
public final class ComparedRows {
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
   * Returns the rows of {@code matrix} [n, d]. Those with a Euclidean norm above {@code threshold}
   * times the median are sinks, and scaled down to between half of the median and the median. If
   * the median is zero, no row is a sink. A row that is not finite is none either, so the
   * comparison reports it.
   */
  public static ComparedRows scalingSinks(Matrix matrix, double threshold) {
    if (!(threshold >= 1)) {
      throw new IllegalArgumentException(
          "sink threshold: expected 1 or more median row norms, got " + threshold);
    }
    double[] norms = RowNorms.of(matrix);
    return new ComparedRows(RowNorms.sinkFactors(norms, RowNorms.median(norms), threshold));
  }

  /** Returns the rows with the lesser of the two factors each. */
  public ComparedRows and(ComparedRows other) {
    requireAsMany(other);
    float[] lesser = new float[count()];
    for (int row = 0; row < lesser.length; row++) {
      lesser[row] = Math.min(factors[row], other.factors[row]);
    }
    return new ComparedRows(lesser);
  }

  /** Returns the rows without the factors of those that are sinks in {@code other} too. */
  public ComparedRows except(ComparedRows other) {
    requireAsMany(other);
    float[] rest = factors.clone();
    for (int row = 0; row < rest.length; row++) {
      if (other.factors[row] < 1) {
        rest[row] = 1;
      }
    }
    return new ComparedRows(rest);
  }

  private void requireAsMany(ComparedRows other) {
    if (count() != other.count()) {
      throw new IllegalArgumentException("%d and %d rows".formatted(count(), other.count()));
    }
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
