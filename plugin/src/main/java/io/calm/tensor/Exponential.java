package io.calm.tensor;

/**
 * e^x in float32, the same bits on every machine: Math.exp may differ between platforms, and
 * StrictMath.exp is slow.
 *
 * <p>x = n ln 2 + r with |r| at most ln 2 / 2 by two fused products, then a polynomial of degree 7
 * in r with fused steps, then 2^n in two factors. Within 1.5 units in the last place for normal
 * results.
 */
public final class Exponential {
  private static final float LOG2_E = 0x1.715476p0f;
  private static final float LN2_HIGH = 0x1.62e4p-1f;
  private static final float LN2_LOW = 0x1.7f7d1cp-20f;
  private static final float ROUNDER = 0x1.8p23f;
  private static final float OVERFLOW = 0x1.62e43p6f;
  private static final float UNDERFLOW = -104f;

  private Exponential() {}

  /**
   * Returns the constants of the computation, for an implementation with the same bits elsewhere:
   * log2(e), the number that rounds to an integer when it is added, ln 2 as two negative parts, and
   * the polynomial's coefficients, highest power first.
   */
  public static double[] constants() {
    return new double[] {
      LOG2_E, ROUNDER, -LN2_HIGH, -LN2_LOW, 1f / 5040, 1f / 720, 1f / 120, 1f / 24, 1f / 6, 0.5, 1,
      1
    };
  }

  /** Returns e^x; infinity above 88.7228, 0 below -104, NaN for NaN. */
  public static float exp(float x) {
    if (!(x <= OVERFLOW)) {
      return x + Float.POSITIVE_INFINITY; // NaN stays NaN
    }
    if (x < UNDERFLOW) {
      return 0;
    }
    float n = Math.fma(x, LOG2_E, ROUNDER) - ROUNDER;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, x));
    float p = 1f / 5040;
    p = Math.fma(p, r, 1f / 720);
    p = Math.fma(p, r, 1f / 120);
    p = Math.fma(p, r, 1f / 24);
    p = Math.fma(p, r, 1f / 6);
    p = Math.fma(p, r, 0.5f);
    p = Math.fma(p, r, 1f);
    p = Math.fma(p, r, 1f);
    int exponent = (int) n;
    int half = exponent >> 1;
    return p * power(half) * power(exponent - half);
  }

  private static float power(int exponent) {
    return Float.intBitsToFloat((exponent + 127) << 23);
  }
}
