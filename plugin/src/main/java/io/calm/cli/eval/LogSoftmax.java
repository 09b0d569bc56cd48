package io.calm.cli.eval;

/**
 * The softmax of one row of logits, in float64. Not thread safe.
 *
 * <p>{@code e[i] = exp(a[i] - max a)} by {@code (exp(x / 1024))^1024}: a polynomial of degree 9 and
 * ten squarings, within 1e-12 of the true value relative to it. Differences below {@value #LOWEST}
 * count as {@value #LOWEST}, e^-80. The JIT compiler vectorizes both loops, which is five times
 * faster than {@code Math.exp}; the bits are the same on every machine.
 */
final class LogSoftmax {
  private static final double LOWEST = -80;
  private static final int SQUARINGS = 10;
  private static final int LANES = 8;

  private final double[] weights;
  private double sum;
  private double logSum;
  private int best;

  LogSoftmax(int vocabulary) {
    weights = new double[vocabulary];
  }

  /** Computes a row. */
  LogSoftmax measure(float[] logits) {
    best = argmax(logits);
    float max = logits[best];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (double) logits[i] - max;
    }
    exponentials(weights);
    sum = sum(weights);
    logSum = max + Math.log(sum);
    return this;
  }

  /** Returns the index of the first maximum. */
  private static int argmax(float[] logits) {
    int best = 0;
    float max = logits[0];
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > max) {
        max = logits[i];
        best = i;
      }
    }
    return best;
  }

  /** Replaces each x, at most 0, by e^x. */
  static void exponentials(double[] values) {
    double scale = 1.0 / (1 << SQUARINGS);
    for (int i = 0; i < values.length; i++) {
      double x = Math.max(values[i], LOWEST) * scale;
      double p = 1.0 / 362880;
      p = p * x + 1.0 / 40320;
      p = p * x + 1.0 / 5040;
      p = p * x + 1.0 / 720;
      p = p * x + 1.0 / 120;
      p = p * x + 1.0 / 24;
      p = p * x + 1.0 / 6;
      p = p * x + 0.5;
      p = p * x + 1;
      p = p * x + 1;
      values[i] = p;
    }
    for (int i = 0; i < values.length; i++) {
      double p = values[i];
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      p *= p;
      values[i] = p;
    }
  }

  private static double sum(double[] values) {
    double[] lanes = new double[LANES];
    int i = 0;
    for (; i + LANES <= values.length; i += LANES) {
      for (int lane = 0; lane < LANES; lane++) {
        lanes[lane] += values[i + lane];
      }
    }
    for (; i < values.length; i++) {
      lanes[i % LANES] += values[i];
    }
    double total = 0;
    for (double lane : lanes) {
      total += lane;
    }
    return total;
  }

  /** Returns the log of the sum of e^logit. */
  double logSum() {
    return logSum;
  }

  /** Returns the token with the largest logit; of equal ones the first. */
  int best() {
    return best;
  }

  /**
   * Returns KL(this || other), in nats: {@code sum p (a - b) - logSum a + logSum b}.
   *
   * @param own the logits a of this row
   * @param others the logits b of the other row
   */
  double divergence(float[] own, LogSoftmax other, float[] others) {
    double total = 0;
    for (int i = 0; i < weights.length; i++) {
      total += weights[i] * ((double) own[i] - others[i]);
    }
    return total / sum - logSum + other.logSum;
  }
}
