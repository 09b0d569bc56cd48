package io.calm.kernels;

import io.calm.tensor.Float16;
import org.jspecify.annotations.Nullable;

/**
 * The 4-bit grid of one group of weights, {@code w ~ scale * code + minimum}, fitted by least
 * squares.
 *
 * <p>Starts from a few fractions of the range min..max and alternates rounding with the closed-form
 * weighted fit of (scale, minimum), Lloyd's algorithm on an affine grid. Each round cannot increase
 * the weighted error in exact arithmetic; the best grid after rounding to float16 is kept. Cost is
 * O(starts * rounds * group). Deterministic. An instance holds scratch and belongs to one thread.
 *
 * <p>Sums are float64, in the order of the weights; the kernels in C ({@link NativeSearchKernels})
 * have the same bits.
 *
 * <p>Scales are normal float16 numbers. Where the fit is below these, or free because all weights
 * have one code, the scale stays and only the minimum is fitted. With {@link Effort#FULL}, a range
 * of less than two steps of the smallest scale also starts from its mean, and so is never worse
 * than that constant. A grid that float16 cannot hold is reported by {@link #fit}, not clamped.
 */
public final class GroupGrid {
  private static final int LEVELS = 15;
  private static final float[] FULL_STARTS = {1f, 0.95f, 0.9f, 0.85f, 0.8f};
  private static final float[] QUICK_STARTS = {1f};

  /** The effort of a fit. */
  public enum Effort {
    /** Several starts: for the weights that are served. */
    FULL,
    /** One start, few rounds: for comparing fold scales. */
    QUICK
  }

  private final float[] starts;
  private final int rounds;
  private float scale;
  private float minimum;
  private double error;

  GroupGrid(Effort effort) {
    starts = starts(effort);
    rounds = rounds(effort);
  }

  /** Returns the fractions of the range that a fit starts from. */
  static float[] starts(Effort effort) {
    return effort == Effort.FULL ? FULL_STARTS : QUICK_STARTS;
  }

  /** Returns the maximum number of rounds from each start. */
  static int rounds(Effort effort) {
    return effort == Effort.FULL ? 12 : 2;
  }

  /** Returns the scale of the last fit, a float16 value. */
  float scale() {
    return scale;
  }

  /** Returns the minimum of the last fit, a float16 value. */
  float minimum() {
    return minimum;
  }

  /**
   * Fits the grid of {@code w[from .. from + length)}.
   *
   * @param importance weight of each squared error at the same indexes, not negative; null for 1
   * @return false if a weight is not finite or float16 cannot hold the grid
   */
  boolean fit(float[] w, float @Nullable [] importance, int from, int length) {
    float low = Float.POSITIVE_INFINITY;
    float high = Float.NEGATIVE_INFINITY;
    double sumH = 0;
    double sumW = 0;
    for (int i = from; i < from + length; i++) {
      low = Math.min(low, w[i]);
      high = Math.max(high, w[i]);
      float weight = importance == null ? 1 : importance[i];
      sumH += weight;
      sumW += weight * w[i];
    }
    if (!(low >= -Float16.MAX_VALUE
        && high <= Float16.MAX_VALUE
        && high - low <= LEVELS * Float16.MAX_VALUE)) {
      return false;
    }
    error = Double.POSITIVE_INFINITY;
    float middle = (low + high) / 2 + 0f; // zeros of both signs give 0
    boolean flat = high - low < 2 * Float16.MIN_NORMAL && sumH > 0;
    for (float start : starts) {
      float span = (high - low) * start;
      float first = flat && start < 1 ? (float) (sumW / sumH) : middle - span / 2;
      refine(w, importance, from, length, span / LEVELS, first);
    }
    return error < Double.POSITIVE_INFINITY;
  }

  private void refine(
      float[] w, float @Nullable [] h, int from, int length, float startScale, float startMin) {
    float s = Math.max(startScale, Float16.MIN_NORMAL);
    float m = startMin;
    for (int round = 0; round < rounds; round++) {
      float halfS = Float16.round(s);
      float halfM = Float16.round(m);
      float inverse = 1 / halfS;
      double sumH = 0;
      double sumQ = 0;
      double sumQq = 0;
      double sumW = 0;
      double sumQw = 0;
      double squared = 0;
      for (int i = from; i < from + length; i++) {
        float q = code(w[i], inverse, halfM);
        float weight = h == null ? 1 : h[i];
        float difference = w[i] - (halfS * q + halfM);
        float hq = weight * q;
        squared += weight * difference * difference;
        sumH += weight;
        sumQ += hq;
        sumQq += hq * q;
        sumW += weight * w[i];
        sumQw += hq * w[i];
      }
      if (squared < error) {
        error = squared;
        scale = halfS;
        minimum = halfM;
      }
      double determinant = sumQq * sumH - sumQ * sumQ;
      boolean free = !(determinant > 1e-9 * sumQq * sumH); // one code holds all the weight
      float fitted = (float) ((sumQw * sumH - sumQ * sumW) / determinant);
      float nextS = free ? s : Math.max(fitted, Float16.MIN_NORMAL);
      float nextM = (float) ((sumW - nextS * sumQ) / sumH);
      if (!(sumH > 0) || (nextS == s && nextM == m)) {
        return;
      }
      s = nextS;
      m = nextM;
    }
  }

  /** Returns the nearest code of {@code value}, 0..15, as a float. */
  public static float code(float value, float inverseScale, float minimum) {
    float x = (value - minimum) * inverseScale;
    return x <= 0 ? 0 : x >= LEVELS ? LEVELS : (int) (x + 0.5f);
  }
}
