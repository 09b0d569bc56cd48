package io.calm.quant;

import io.calm.tensor.Matrix;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.function.DoubleFunction;

/** Searches a one-exponent family of scales for the one with the smallest module error. */
public final class ExponentSearch {
  /**
   * Bounds of scales, so that no channel leaves float16's range; also of their powers, as in AWQ.
   */
  private static final float SMALLEST = 1e-4f;

  private static final float LARGEST = 1e4f;

  /** Powers of the scales that are best with nearest codes, before error feedback; 0: identity. */
  private static final double[] POWERS_BEFORE_FEEDBACK = {1, 0.75, 0.5, 0.25, 0};

  private ExponentSearch() {}

  /**
   * Returns the best member, or before a rounding with error feedback the best power of it; the
   * identity where nothing is better, or where the best does not hold on rows that it was not
   * chosen on.
   *
   * <p>Members are compared with weights rounded to nearest. Error feedback corrects much of what
   * large scales correct, so before such a rounding the best member is compared with milder powers
   * of itself and the identity, all with that rounding. X'X of the rounding is that of all tokens,
   * the held-out rows included; the scales are not chosen on those.
   *
   * @param weighted whether the algorithm's grids are weighted with E[x^2]
   * @param rounding of the weights after the fold
   * @param exponents in order; not all of them are tried
   * @param family scales [channels] of an exponent
   */
  public static Fold.Choice best(
      StageProblem stage,
      boolean weighted,
      Rounding rounding,
      double[] exponents,
      DoubleFunction<float[]> family) {
    ScaledRounding nearest = ScaledRounding.nearest(stage, weighted);
    Fold.Choice best = compare(stage, nearest, "alpha", exponents, family);
    if (isIdentity(best.scales())) {
      return best;
    }
    Optional<Rounding> feedback = rounding.roundingForFolds();
    if (feedback.isEmpty()) {
      return held(stage, nearest, best);
    }
    try (Matrix gram = stage.activations().gram()) {
      ScaledRounding scaled = ScaledRounding.feedback(stage, feedback.get(), gram).remembered();
      float[] scales = best.scales();
      Fold.Choice chosen =
          compare(stage, scaled, "power", POWERS_BEFORE_FEEDBACK, power -> power(scales, power));
      String detail = chosen.detail() + "; with nearest codes " + best.detail();
      return held(stage, scaled, new Fold.Choice(chosen.scales(), detail));
    }
  }

  /**
   * Returns the member with the lowest error on the rows to choose on, or the identity. Errors
   * change slowly from value to value, so every second one is tried, then the neighbours of the
   * best.
   */
  private static Fold.Choice compare(
      StageProblem stage,
      ScaledRounding rounding,
      String parameter,
      double[] values,
      DoubleFunction<float[]> family) {
    try (FoldError error = new FoldError(stage, rounding)) {
      Trials trials = new Trials(stage, error, values, family);
      for (int i = 0; i < values.length; i += 2) {
        trials.attempt(i);
      }
      int coarse = trials.best;
      if (coarse >= 0) {
        trials.attempt(coarse - 1);
        trials.attempt(coarse + 1);
      }
      return trials.choice(parameter);
    }
  }

  /** The members of a family that were tried, in any order. */
  private static final class Trials {
    private final double[] values;
    private final DoubleFunction<float[]> family;
    private final StageProblem stage;
    private final FoldError error;
    private final double identity;
    private float[] scales;
    private double min;

    /** Index of the best value so far; -1: the identity, which no value stands for. */
    private int best = -1;

    Trials(StageProblem stage, FoldError error, double[] values, DoubleFunction<float[]> family) {
      this.stage = stage;
      this.values = values;
      this.family = family;
      this.scales = identity(stage);
      this.error = error;
      this.identity = error.of(stage.site().spread(scales));
      this.min = identity;
    }

    void attempt(int index) {
      if (index < 0 || index >= values.length) {
        return;
      }
      if (values[index] == 0) { // the identity
        best = best < 0 ? index : best;
        return;
      }
      float[] candidate = normalized(family.apply(values[index]));
      double of = error.of(stage.site().spread(candidate));
      if (of < min) {
        min = of;
        scales = candidate;
        best = index;
      }
    }

    Fold.Choice choice(String parameter) {
      String detail =
          min < identity
              ? String.format(
                  Locale.ROOT,
                  "%s %.2f, error %.3e of %.3e",
                  parameter,
                  values[best],
                  min,
                  identity)
              : "identity";
      return new Fold.Choice(scales, detail);
    }
  }

  /** Returns the choice if it holds on rows that it was not chosen on, else the identity. */
  private static Fold.Choice held(StageProblem stage, ScaledRounding rounding, Fold.Choice choice) {
    if (isIdentity(choice.scales())) {
      return choice;
    }
    float[] identity = identity(stage);
    try (FoldError error = FoldError.heldOut(stage, rounding)) {
      return error.of(stage.site().spread(choice.scales()))
              < error.of(stage.site().spread(identity))
          ? choice
          : new Fold.Choice(identity, "identity; did not hold on other rows: " + choice.detail());
    }
  }

  private static boolean isIdentity(float[] scales) {
    for (float s : scales) {
      if (s != 1) {
        return false;
      }
    }
    return true;
  }

  private static float[] identity(StageProblem stage) {
    float[] ones = new float[stage.site().channels()];
    Arrays.fill(ones, 1);
    return ones;
  }

  /**
   * Returns {@code values^exponent}. Channels may be silent, so no value counts as less than 1e-4
   * of the largest.
   */
  public static float[] power(float[] values, double exponent) {
    float floor = 0;
    for (float value : values) {
      floor = Math.max(floor, SMALLEST * value);
    }
    floor = floor > 0 ? floor : SMALLEST;
    float[] powers = new float[values.length];
    for (int c = 0; c < powers.length; c++) {
      powers[c] = (float) Math.pow(Math.max(values[c], floor), exponent);
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
