package io.calm.tensor;

/**
 * IEEE 754 binary16 in the low bits of a {@code short}, to and from float32.
 *
 * <p>Narrowing rounds half to even, overflows to infinity and keeps subnormals; widening is exact.
 * JDK 20 has both as {@code Float.floatToFloat16} and {@code Float.float16ToFloat}; the results are
 * the same but for the payloads of NaN.
 */
public final class Float16 {
  /** The largest finite value, 65504. */
  public static final float MAX_VALUE = 65504f;

  /** The smallest positive normal value, 2^-14. */
  public static final float MIN_NORMAL = 0x1p-14f;

  private static final int INFINITY_BITS = 0x7f80_0000;
  private static final int FIRST_ROUNDED_TO_INFINITY = 0x477f_f000; // 65520
  private static final int MIN_NORMAL_BITS = 0x3880_0000;

  private Float16() {}

  /** Returns the nearest binary16 of {@code value}, ties to even; NaN gives the quiet NaN. */
  public static short fromFloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    int sign = bits >>> 16 & 0x8000;
    int magnitude = bits & 0x7fff_ffff;
    if (magnitude > INFINITY_BITS) {
      return (short) (sign | 0x7e00);
    }
    if (magnitude >= FIRST_ROUNDED_TO_INFINITY) {
      return (short) (sign | 0x7c00);
    }
    if (magnitude < MIN_NORMAL_BITS) {
      // The unit in the last place of 0.5 is 2^-24, that of a binary16 subnormal: the sum rounds.
      return (short) (sign | (Float.floatToRawIntBits(Math.abs(value) + 0.5f) - 0x3f00_0000));
    }
    int rounded = magnitude + 0xfff + (magnitude >>> 13 & 1);
    return (short) (sign | ((rounded - 0x3800_0000) >>> 13));
  }

  /** Returns the value of the binary16 {@code half}. */
  public static float toFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int magnitude = (half & 0x7fff) << 13;
    if (magnitude >= 0x7c00 << 13) {
      return Float.intBitsToFloat(sign | magnitude | INFINITY_BITS);
    }
    // Rebasing the exponent by a product also makes subnormals normal.
    return Float.intBitsToFloat(sign | magnitude) * 0x1p112f;
  }

  /**
   * Widens {@code length} halves by a table of all values: what a kernel's inner loop can afford.
   */
  static void widen(short[] halves, int from, float[] target, int offset, int length) {
    float[] values = Values.OF;
    for (int i = 0; i < length; i++) {
      target[offset + i] = values[halves[from + i] & 0xffff];
    }
  }

  /** Made when a kernel first runs. */
  private static final class Values {
    static final float[] OF = new float[0x10000];

    static {
      for (int half = 0; half < OF.length; half++) {
        OF[half] = toFloat((short) half);
      }
    }
  }

  /** Returns {@code value} rounded to binary16. */
  public static float round(float value) {
    return toFloat(fromFloat(value));
  }
}
