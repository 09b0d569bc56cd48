package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.Arrays;

/**
 * Draws from what top_p and min_p leave: of a few tokens in order, or of a whole vocabulary without
 * sorting it, where tokens fall into buckets by the leading bits of their weights, an eighth of an
 * octave each. The likeliest buckets are counted as wholes; tokens are put in order, likeliest
 * first and ties by id, only in the bucket where the nucleus ends and in the one that is drawn. Not
 * thread safe.
 */
final class Nucleus {
  private static final int SHIFT = 20; // leaves the exponent and three bits

  /** The largest weight is 1. */
  private static final int TOP = bucket(1);

  private final double[] masses = new double[TOP + 1];
  private float[] logits = {};
  private float[] weights = {};

  private static int bucket(float weight) {
    return Float.floatToRawIntBits(weight) >>> SHIFT;
  }

  /**
   * Returns the token at a point of the distribution.
   *
   * @param row the tokens' logits
   * @param rowWeights e^((logit - largest) / temperature) of each
   * @param enough the fewest likeliest tokens that weigh so much together are the nucleus: one at
   *     least
   * @param least weight of a token that is not left out, at most 1
   * @param uniform 0 (inclusive) to 1 (exclusive)
   */
  int draw(Logits row, float[] rowWeights, double enough, float least, double uniform) {
    logits = row.values();
    weights = rowWeights;
    Arrays.fill(masses, 0);
    for (int i = 0; i < logits.length; i++) {
      masses[bucket(weights[i])] += weights[i];
    }
    int last = TOP;
    double above = 0;
    while (last > bucket(least) && above + masses[last] < enough) {
      above += masses[last--];
    }
    int[] border = members(last);
    float[] borderWeights = weights(border);
    Kept kept = keep(borderWeights, above, enough, least);
    double target = uniform * kept.mass();
    return kept.count() > 0 && target >= above
        ? border[walk(borderWeights, kept.count(), target - above)]
        : drawAbove(last, target);
  }

  /**
   * Returns the place of the token at a point of the distribution of a few tokens.
   *
   * @param descending their weights, the first of them 1
   */
  static int draw(float[] descending, double enough, float least, double uniform) {
    Kept kept = keep(descending, 0, enough, least);
    return walk(descending, kept.count(), uniform * kept.mass());
  }

  /**
   * The beginning of descending weights that belongs to the nucleus.
   *
   * @param mass with what is above them
   */
  private record Kept(int count, double mass) {}

  /** Cuts descending weights where top_p has enough, or min_p ends them. */
  private static Kept keep(float[] descending, double above, double enough, float least) {
    double mass = above;
    int count = 0;
    while (count < descending.length
        && (mass < enough || mass == 0)
        && descending[count] >= least) {
      mass += descending[count++];
    }
    return new Kept(count, mass);
  }

  /** Draws from the buckets above {@code last}, the whole of them. */
  private int drawAbove(int last, double target) {
    int drawn = TOP;
    double rest = target;
    for (int bucket = TOP; bucket > last; bucket--) {
      if (masses[bucket] > 0) {
        drawn = bucket;
        if (rest < masses[bucket]) {
          break;
        }
        rest -= masses[bucket];
      }
    }
    int[] tokens = members(drawn);
    return tokens[walk(weights(tokens), tokens.length, rest)];
  }

  private static int walk(float[] descending, int count, double target) {
    double cumulative = 0;
    for (int i = 0; i < count - 1; i++) {
      cumulative += descending[i];
      if (target < cumulative) {
        return i;
      }
    }
    return count - 1;
  }

  private float[] weights(int[] tokens) {
    float[] some = new float[tokens.length];
    for (int i = 0; i < some.length; i++) {
      some[i] = weights[tokens[i]];
    }
    return some;
  }

  /** Returns the tokens of a bucket, likeliest first. */
  private int[] members(int bucket) {
    float from = Float.intBitsToFloat(bucket << SHIFT);
    float to = Float.intBitsToFloat((bucket + 1) << SHIFT);
    return TopTokens.within(logits, weights, from, to);
  }
}
