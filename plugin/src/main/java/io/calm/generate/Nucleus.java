package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.Arrays;

/**
 * Draws from what top_p and min_p leave of a whole vocabulary, without sorting it: tokens fall into
 * buckets by the leading bits of their weights, an eighth of an octave each. The likeliest buckets
 * are counted as wholes; tokens are put in order, likeliest first and ties by id, only in the
 * bucket where the nucleus ends and in the one that is drawn. Not thread safe.
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
    double all = above;
    int kept = 0;
    while (kept < border.length && (all < enough || all == 0) && weights[border[kept]] >= least) {
      all += weights[border[kept++]];
    }
    double target = uniform * all;
    return kept > 0 && target >= above
        ? walk(Arrays.copyOf(border, kept), target - above)
        : drawAbove(last, target);
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
    return walk(members(drawn), rest);
  }

  private int walk(int[] tokens, double target) {
    double cumulative = 0;
    for (int i = 0; i < tokens.length - 1; i++) {
      cumulative += weights[tokens[i]];
      if (target < cumulative) {
        return tokens[i];
      }
    }
    return tokens[tokens.length - 1];
  }

  /** Returns the tokens of a bucket, likeliest first. */
  private int[] members(int bucket) {
    float from = Float.intBitsToFloat(bucket << SHIFT);
    float to = Float.intBitsToFloat((bucket + 1) << SHIFT);
    return TopTokens.within(logits, weights, from, to);
  }
}
