package io.calm.runtime;

import io.calm.tensor.Exponential;

/**
 * Where one token's logits go, used again by the next step: the values [V], the largest of them,
 * and the sum of weights e^(value - largest). Weights are added in float32, element i in lane i mod
 * 16, in runs of {@value #RUN}; the lanes of a run in halves; the runs in float64.
 */
final class LogitRow {
  private static final int RUN = 1024;
  private static final int LANES = 16;

  final float[] values;
  private float largest;
  private float sum;

  LogitRow(int vocabulary) {
    values = new float[vocabulary];
  }

  /** Takes what native code has measured. */
  void measured(float largest, float sum) {
    this.largest = largest;
    this.sum = sum;
  }

  /** Measures the values; returns false if one is not finite. */
  boolean measure() {
    float zero = 0;
    float max = Float.NEGATIVE_INFINITY;
    for (float value : values) {
      zero += value * 0; // 0, or NaN for a value that is not finite
      max = Math.max(max, value);
    }
    if (zero != 0) {
      return false;
    }
    double total = 0;
    for (int from = 0; from < values.length; from += RUN) {
      total += weigh(from, Math.min(values.length, from + RUN), max);
    }
    measured(max, (float) total);
    return true;
  }

  private float weigh(int from, int to, float max) {
    float[] lanes = new float[LANES];
    for (int i = from; i < to; i++) {
      lanes[i % LANES] += Exponential.exp(values[i] - max);
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
      }
    }
    return lanes[0];
  }

  /** Returns the row as callers see it; StrictMath, for it is to have the same bits everywhere. */
  Decoder.Logits logits() {
    return new Decoder.Logits(values, largest, (float) (largest + StrictMath.log(sum)));
  }
}
