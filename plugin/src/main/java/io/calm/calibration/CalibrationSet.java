package io.calm.calibration;

import java.util.List;

/**
 * Calibration sequences in three disjoint parts, so that nothing is judged on the data that it was
 * fitted on.
 *
 * @param source {@code self}, or the name of the text
 * @param seed seed of the samples; 0 for a text
 * @param fit sequences that quantizers are fitted on
 * @param score sequences that candidates are scored on
 * @param guard sequences that the guard judges on
 */
public record CalibrationSet(
    String source, long seed, List<int[]> fit, List<int[]> score, List<int[]> guard) {

  public CalibrationSet {
    fit = List.copyOf(fit);
    score = List.copyOf(score);
    guard = List.copyOf(guard);
    if (fit.isEmpty() || score.isEmpty() || guard.isEmpty()) {
      throw new IllegalArgumentException("an empty part of the calibration");
    }
    int length = fit.get(0).length;
    for (List<int[]> part : List.of(fit, score, guard)) {
      for (int[] sequence : part) {
        if (sequence.length != length) {
          throw new IllegalArgumentException(
              "sequences of %d and %d tokens".formatted(length, sequence.length));
        }
      }
    }
  }

  /** Returns the number of tokens per sequence. */
  public int length() {
    return fit.get(0).length;
  }

  /** Maximum number of sequences in the score part, and in the guard part. */
  private static final int MAX_HELD_OUT = 64;

  /**
   * Returns the size of the score part, and of the guard part, beside {@code fit} sequences: a
   * quarter, but at most {@value #MAX_HELD_OUT}.
   */
  public static int heldOut(int fit) {
    return Math.min(MAX_HELD_OUT, Math.max(1, fit / 4));
  }

  /** Returns the number of all sequences of a set with {@code fit} sequences for fitting. */
  public static int total(int fit) {
    return fit + 2 * heldOut(fit);
  }
}
