package io.calm.cka;

import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * The rows of a matrix that are compared: all, or all but the attention sinks.
 *
 * <p>Linear CKA weighs a row by the fourth power of its norm. A sink (the first token of a
 * sequence, with 35 to 170 times the median norm on SmolLM2) therefore decides the score alone, and
 * every candidate looks perfect. Immutable.
 */
public final class ComparedRows {
  /** Rows over this many median norms are sinks unless the operator says otherwise. */
  public static final double DEFAULT_THRESHOLD = 20;

  private final int total;
  private final int[] kept;

  private ComparedRows(int total, int[] kept) {
    this.total = total;
    this.kept = kept;
  }

  /** Returns all {@code count} rows. */
  public static ComparedRows all(int count) {
    return new ComparedRows(count, IntStream.range(0, count).toArray());
  }

  /**
   * Returns the rows of {@code reference} [n, d] whose Euclidean norm is at most {@code threshold}
   * times the median row's; all rows if the median is zero. A row that is not finite is kept, so
   * that the comparison reports it.
   */
  public static ComparedRows withoutSinks(Matrix reference, double threshold) {
    if (!(threshold > 0)) {
      throw new IllegalArgumentException(
          "sink threshold: expected a positive multiple of the median row norm, got " + threshold);
    }
    double[] norms = RowNorms.of(reference);
    double limit = threshold * RowNorms.median(norms);
    int[] kept =
        IntStream.range(0, norms.length)
            .filter(row -> !RowNorms.isSink(norms[row], limit))
            .toArray();
    return new ComparedRows(norms.length, kept);
  }

  /** Returns the rows that are kept here and in {@code other}, of as many rows. */
  public ComparedRows and(ComparedRows other) {
    if (total != other.total) {
      throw new IllegalArgumentException("%d and %d rows".formatted(total, other.total));
    }
    BitSet both = bits();
    both.and(other.bits());
    return new ComparedRows(total, both.stream().toArray());
  }

  private BitSet bits() {
    BitSet bits = new BitSet(total);
    for (int row : kept) {
      bits.set(row);
    }
    return bits;
  }

  /** Returns the rows of the matrix, kept or not. */
  public int total() {
    return total;
  }

  /** Returns how many rows are compared. */
  public int kept() {
    return kept.length;
  }

  /** Returns how many rows are left out. */
  public int excluded() {
    return total - kept.length;
  }

  /** Returns the matrix row of the {@code index}th kept row. */
  public int row(int index) {
    return kept[index];
  }
}
