package io.calm.runtime;

import io.calm.tensor.Exponential;

/**
 * A reusable buffer for one token's logits [V], their maximum, and the sum of the weights e^(value
 * - maximum).
 *
 * <p>The order of the sum is fixed. In each run of {@value #RUN} elements, element i is added to
 * lane i mod {@value #LANES} in float32, and the lanes are added in halves. The runs are added in
 * float64.
 */
public final class LogitRow {
  private static final int RUN = 1024;
  private static final int LANES = 16;

  final float[] values;
  private float largest;
  private float sum;

  /** Creates the buffer of {@code vocabulary} logits. */
  public LogitRow(int vocabulary) {
    values = new float[vocabulary];
  }

  /** Returns the logits, to be filled before {@link #measure}. */
  public float[] values() {
    return values;
  }

  /** Stores the maximum and the sum that native code has computed. */
  void measured(float largest, float sum) {
    this.largest = largest;
    this.sum = sum;
  }

  /** Computes the maximum and the sum; returns false if a value is not finite. */
  public boolean measure() {
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

  /** Returns the row for callers. StrictMath makes the result bit-identical on every machine. */
  public Decoder.Logits logits() {
    return new Decoder.Logits(values, largest, (float) (largest + StrictMath.log(sum)));
  }
}
