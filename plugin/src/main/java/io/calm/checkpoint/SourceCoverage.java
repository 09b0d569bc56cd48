package io.calm.checkpoint;

/**
 * The weights of a checkpoint's blocks, counted by the form in which the checkpoint stores them.
 *
 * @param exact weights of linears whose blocks are W4A8 codes and grids as they stand (Q4_0, Q4_1)
 * @param rounded weights of linears with W4A8 codes, whose grids are rounded to float16 (Q4_K)
 * @param none weights of all other linears
 */
public record SourceCoverage(long exact, long rounded, long none) {

  /** Returns the share of weights with W4A8 codes, 0 to 1. */
  public double share() {
    long all = exact + rounded + none;
    return all == 0 ? 0 : (double) (exact + rounded) / all;
  }

  /** Returns whether any linear has W4A8 codes. */
  public boolean any() {
    return exact + rounded > 0;
  }

  /** Returns whether every linear has W4A8 codes and grids, without a rounding. */
  public boolean isExact() {
    return rounded == 0 && none == 0;
  }
}
