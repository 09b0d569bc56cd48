package io.calm.tensor;

import java.util.Arrays;

/**
 * Rounds activations to int8, symmetric and dynamic.
 *
 * <p>For each row and group of inputs, or for each row alone: {@code scale = max|x| / 127} and
 * {@code code = clamp(round_half_even(x / scale), -127, 127)}, a true float32 division. A maximum
 * below 2^-100 gives scale 0 and codes 0, since the quotients of smaller scales lose their bits.
 * Immutable and thread safe.
 */
public final class ActivationQuantizer {
  /** Maxima below this are taken for zero. */
  public static final float SMALLEST = 0x1p-100f;

  private static final float ROUNDER = 0x1.8p23f;

  private final boolean perToken;

  private ActivationQuantizer(boolean perToken) {
    this.perToken = perToken;
  }

  /** Returns the quantizer with one scale a row and group. */
  public static ActivationQuantizer perGroup() {
    return new ActivationQuantizer(false);
  }

  /** Returns the quantizer with one scale a row, repeated for each of its groups. */
  public static ActivationQuantizer perToken() {
    return new ActivationQuantizer(true);
  }

  /**
   * Rounds {@code x[offset .. offset + K)} into row {@code row} of {@code target}.
   *
   * @return false if a value is NaN or infinite; the row is all zero then
   */
  public boolean quantize(float[] x, int offset, QuantizedRows target, int row) {
    int inputs = target.inputs();
    int group = target.group();
    float rowMax = perToken ? maximum(x, offset, offset + inputs) : 0;
    boolean finite = true;
    for (int j = 0; j < target.groups(); j++) {
      int from = j * group;
      int to = Math.min(inputs, from + group);
      float max = perToken ? rowMax : maximum(x, offset + from, offset + to);
      if (max > Float.MAX_VALUE) {
        finite = false;
        max = 0;
      }
      quantizeGroup(x, offset + from, to - from, max, target, row, j);
    }
    if (!finite) {
      clear(target, row);
    }
    return finite;
  }

  /** Returns the code of {@code value} under a positive scale of at least max|x| / 127. */
  static int code(float value, float scale) {
    // Adding 1.5 * 2^23 leaves no bits below one: float32 addition itself rounds half to even.
    int code = (int) ((value / scale + ROUNDER) - ROUNDER);
    return Math.max(-127, Math.min(127, code));
  }

  /** Returns max|x|, or infinity if a value is not finite. */
  private static float maximum(float[] x, int from, int to) {
    int max = 0;
    for (int i = from; i < to; i++) {
      max = Math.max(max, Float.floatToRawIntBits(x[i]) & 0x7fff_ffff);
    }
    return max >= 0x7f80_0000 ? Float.POSITIVE_INFINITY : Float.intBitsToFloat(max);
  }

  private static void quantizeGroup(
      float[] x, int offset, int length, float max, QuantizedRows target, int row, int j) {
    int at = row * target.paddedInputs() + j * target.group();
    int[] codes = target.codes;
    float scale = max < SMALLEST ? 0 : max / 127;
    int sum = 0;
    for (int i = 0; i < length; i++) {
      int code = scale == 0 ? 0 : code(x[offset + i], scale);
      codes[at + i] = code;
      sum += code;
    }
    target.scales[row * target.groups() + j] = scale;
    target.sums[row * target.groups() + j] = sum;
    pair(codes, target.pairs, at, target.group());
  }

  /**
   * Two codes in one word, for the loop over nibbles: the high half meets the code in bits 0..3 of
   * a shifted weight word, the low half the one in bits 16..19.
   */
  private static void pair(int[] codes, int[] pairs, int at, int length) {
    for (int k = at; k < at + length; k += 8) {
      int p = k / 2;
      pairs[p] = (codes[k] << 16) + codes[k + 2];
      pairs[p + 1] = (codes[k + 4] << 16) + codes[k + 6];
      pairs[p + 2] = (codes[k + 1] << 16) + codes[k + 3];
      pairs[p + 3] = (codes[k + 5] << 16) + codes[k + 7];
    }
  }

  private static void clear(QuantizedRows target, int row) {
    int padded = target.paddedInputs();
    Arrays.fill(target.codes, row * padded, (row + 1) * padded, 0);
    Arrays.fill(target.pairs, row * padded / 2, (row + 1) * padded / 2, 0);
    Arrays.fill(target.scales, row * target.groups(), (row + 1) * target.groups(), 0f);
    Arrays.fill(target.sums, row * target.groups(), (row + 1) * target.groups(), 0);
  }
}
