package io.calm.quant;

import java.util.Arrays;
import java.util.Locale;
import java.util.function.DoubleFunction;

/** Searches a one-exponent family of scales for the one with the smallest module error. */
public final class ExponentSearch {
  /** Scales are kept within these bounds, so that no channel leaves float16's range. */
  private static final float SMALLEST = 1e-4f;

  private static final float LARGEST = 1e4f;

  private ExponentSearch() {}

  /**
   * Returns the best member; the identity where nothing is better, or where the best does not hold
   * on rows that it was not chosen on.
   *
   * @param weighted whether the algorithm's grids are weighted with E[x^2]
   * @param exponents tried in order; the first of equals wins
   * @param family scales [channels] of an exponent
   */
  public static Fold.Choice best(
      StageProblem stage, boolean weighted, double[] exponents, DoubleFunction<float[]> family) {
    float[] best = identity(stage);
    String detail = "identity";
    try (FoldError error = new FoldError(stage, weighted)) {
      double identity = error.of(stage.site().spread(best));
      double min = identity;
      for (double exponent : exponents) {
        if (exponent == 0) {
          continue; // the identity
        }
        float[] scales = normalized(family.apply(exponent));
        double candidate = error.of(stage.site().spread(scales));
        if (candidate < min) {
          min = candidate;
          best = scales;
          detail =
              String.format(
                  Locale.ROOT, "alpha %.2f, error %.3e of %.3e", exponent, candidate, identity);
        }
      }
    }
    return holds(stage, weighted, best)
        ? new Fold.Choice(best, detail)
        : new Fold.Choice(identity(stage), "identity; did not hold on other rows: " + detail);
  }

  private static boolean holds(StageProblem stage, boolean weighted, float[] scales) {
    float[] identity = identity(stage);
    if (Arrays.equals(scales, identity)) {
      return true;
    }
    try (FoldError error = FoldError.heldOut(stage, weighted)) {
      return error.of(stage.site().spread(scales)) < error.of(stage.site().spread(identity));
    }
  }

  private static float[] identity(StageProblem stage) {
    float[] ones = new float[stage.site().channels()];
    Arrays.fill(ones, 1);
    return ones;
  }

  /** Returns {@code values^exponent}, with a floor for channels that are silent. */
  public static float[] power(float[] values, double exponent) {
    float[] powers = new float[values.length];
    for (int c = 0; c < powers.length; c++) {
      powers[c] = (float) Math.pow(Math.max(values[c], SMALLEST), exponent);
    }
    return powers;
  }

  /** Divides by the geometric mean of the extremes, as AWQ does, and bounds the result. */
  private static float[] normalized(float[] scales) {
    float low = Float.POSITIVE_INFINITY;
    float high = 0;
    for (float s : scales) {
      low = Math.min(low, s);
      high = Math.max(high, s);
    }
    float middle = (float) Math.sqrt((double) low * high);
    float[] result = new float[scales.length];
    for (int c = 0; c < result.length; c++) {
      float s = scales[c] / middle;
      result[c] = s >= SMALLEST && s <= LARGEST ? s : s > LARGEST ? LARGEST : SMALLEST;
    }
    return result;
  }
}
