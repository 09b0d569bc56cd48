package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.Arrays;

/**
 * Samples from the tokens that top_p and min_p keep (nucleus sampling, arXiv 1904.09751).
 *
 * <p>The vocabulary is not sorted. Tokens are put into buckets by the leading bits of their
 * weights, eight buckets per power of two. Buckets are summed in descending order of weight. Only
 * two buckets are sorted, by weight and then id: the one in which the nucleus ends and the one that
 * is drawn from. Subnormal weights, which are too small to change a sum, are left out. Not thread
 * safe.
 */
final class Nucleus {
  private static final int SHIFT = 20; // leaves the exponent and three bits

  /** The bucket of the maximum weight, which is 1. */
  private static final int TOP = bucket(1);

  private final double[] masses = new double[TOP + 1];
  private float[] logits = {};
  private float[] weights = {};

  private static int bucket(float weight) {
    return Float.floatToRawIntBits(weight) >>> SHIFT;
  }

  /**
   * Returns the token for a uniform random number.
   *
   * @param row the tokens' logits
   * @param rowWeights e^((logit - largest) / temperature) of each token
   * @param nucleusMass the nucleus is the smallest set of most likely tokens with at least this
   *     total weight; it has at least one token
   * @param minP minimum weight of a token that is kept, at most 1
   * @param uniform random number, 0 (inclusive) to 1 (exclusive)
   */
  int draw(Logits row, float[] rowWeights, double nucleusMass, float minP, double uniform) {
    float minWeight = Math.max(minP, Float.MIN_NORMAL);
    logits = row.values();
    weights = rowWeights;
    Arrays.fill(masses, 0);
    for (int i = 0; i < logits.length; i++) {
      masses[bucket(weights[i])] += weights[i];
    }
    int last = TOP;
    double above = 0;
    while (last > bucket(minWeight) && above + masses[last] < nucleusMass) {
      above += masses[last--];
    }
    int[] border = members(last);
    float[] borderWeights = weights(border);
    Kept kept = keep(borderWeights, above, nucleusMass, minWeight);
    double target = uniform * kept.mass();
    return kept.count() > 0 && target >= above
        ? border[walk(borderWeights, kept.count(), target - above)]
        : drawAbove(last, target);
  }

  /**
   * Returns the index of the token for a uniform random number, of tokens in descending order.
   *
   * @param descending the tokens' weights; the first is 1
   */
  static int draw(float[] descending, double nucleusMass, float minWeight, double uniform) {
    Kept kept = keep(descending, 0, nucleusMass, minWeight);
    return walk(descending, kept.count(), uniform * kept.mass());
  }

  /**
   * The leading part of descending weights that belongs to the nucleus.
   *
   * @param mass total weight of the nucleus, including the buckets above
   */
  private record Kept(int count, double mass) {}

  /** Truncates descending weights by top_p and min_p. */
  private static Kept keep(float[] descending, double above, double nucleusMass, float minWeight) {
    double mass = above;
    int count = 0;
    while (count < descending.length
        && (mass < nucleusMass || mass == 0)
        && descending[count] >= minWeight) {
      mass += descending[count++];
    }
    return new Kept(count, mass);
  }

  /** Samples from all tokens of the buckets above {@code last}. */
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

  /** Returns the tokens of a bucket, most likely first. */
  private int[] members(int bucket) {
    float from = Float.intBitsToFloat(bucket << SHIFT);
    float to = Float.intBitsToFloat((bucket + 1) << SHIFT);
    return TopTokens.within(logits, weights, from, to);
  }
}
