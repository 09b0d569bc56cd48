package io.calm.tensor;

import java.util.Arrays;

/**
 * The inner loops of the kernels, over the lanes (outputs) of a chunk.
 *
 * <p>The just-in-time compilers of JDK 17 and JDK 25 turn loops of this shape into vector code;
 * each departure from it was measured to cost a factor of five to ten: every array is indexed by
 * the loop variable alone (an offset could alias), one array is written, no sum runs over lanes,
 * and no body is longer than four products.
 *
 * <p>Two products in one: a word masked with {@link #NIBBLES} has code a in bits 0..3 and code b in
 * bits 16..19; times (x &lt;&lt; 16) + y the low half collects a*y and the high half a*x + b*y.
 * After four such products the low half is within 4 * 15 * 127 of zero, so adding 2^15 and shifting
 * right by 16 gives the high half exactly.
 */
final class LaneLoops {
  /** Codes in bits 0..3 and 16..19. */
  static final int NIBBLES = 0x000f_000f;

  private static final int HALF = 0x8000;

  private LaneLoops() {}

  /** The storage form of the arrays of {@link #addProducts}. */
  enum Form {
    /** Words of eight 4-bit codes in a; the activations are pairs. */
    NIBBLES,
    /** {@link #NIBBLES} unpacked by {@link #unpackNibbles} into a, b, c, d. */
    UNPACKED_NIBBLES,
    /** Words of four int8 codes in a. */
    BYTES,
    /** {@link #BYTES} unpacked by {@link #unpackBytes} into a, b, c, d. */
    UNPACKED_BYTES
  }

  /**
   * Adds to {@code dots} the products of one word a lane with four activations, or pairs of them.
   * With {@code clear} the sums start from zero.
   *
   * <p>The four loops share a method on purpose. It is longer than the 325 bytes of FreqInlineSize,
   * so it is compiled on its own: inlined into the loops around it, C2 of JDK 17 leaves it scalar.
   */
  static void addProducts(
      Form form,
      int[] a,
      int[] b,
      int[] c,
      int[] d,
      int[] dots,
      int lanes,
      boolean clear,
      int x0,
      int x1,
      int x2,
      int x3) {
    if (clear) {
      Arrays.fill(dots, 0, lanes, 0);
    }
    switch (form) {
      case NIBBLES -> {
        for (int i = 0; i < lanes; i++) {
          int w = a[i];
          dots[i] +=
              ((w & NIBBLES) * x0
                      + ((w >>> 4) & NIBBLES) * x1
                      + ((w >>> 8) & NIBBLES) * x2
                      + ((w >>> 12) & NIBBLES) * x3
                      + HALF)
                  >> 16;
        }
      }
      case UNPACKED_NIBBLES -> {
        for (int i = 0; i < lanes; i++) {
          dots[i] += (a[i] * x0 + b[i] * x1 + c[i] * x2 + d[i] * x3 + HALF) >> 16;
        }
      }
      case BYTES -> {
        for (int i = 0; i < lanes; i++) {
          int w = a[i];
          dots[i] +=
              ((w << 24) >> 24) * x0
                  + ((w << 16) >> 24) * x1
                  + ((w << 8) >> 24) * x2
                  + (w >> 24) * x3;
        }
      }
      case UNPACKED_BYTES -> {
        for (int i = 0; i < lanes; i++) {
          dots[i] += a[i] * x0 + b[i] * x1 + c[i] * x2 + d[i] * x3;
        }
      }
    }
  }

  static void unpackNibbles(int[] words, int shift, int[] target, int lanes) {
    for (int i = 0; i < lanes; i++) {
      target[i] = (words[i] >>> shift) & NIBBLES;
    }
  }

  static void unpackBytes(int[] words, int shift, int[] target, int lanes) {
    for (int i = 0; i < lanes; i++) {
      target[i] = (words[i] << shift) >> 24;
    }
  }

  static void toFloat(int[] dots, float[] target, int lanes) {
    for (int i = 0; i < lanes; i++) {
      target[i] = dots[i];
    }
  }

  /** {@code sums = fma(sx, fma(scale, dot, minimum * codeSum), sums)}. */
  static void addGroup(
      float[] dots,
      float[] scales,
      float[] minimums,
      float[] sums,
      int lanes,
      float activationScale,
      float codeSum) {
    for (int i = 0; i < lanes; i++) {
      float value = Math.fma(scales[i], dots[i], minimums[i] * codeSum);
      sums[i] = Math.fma(activationScale, value, sums[i]);
    }
  }

  /** {@code sums = fma(sx, dot, sums)}. */
  static void addScaled(float[] dots, float[] sums, int lanes, float activationScale) {
    for (int i = 0; i < lanes; i++) {
      sums[i] = Math.fma(activationScale, dots[i], sums[i]);
    }
  }

  static void scale(float[] sums, float[] scales, int lanes) {
    for (int i = 0; i < lanes; i++) {
      sums[i] *= scales[i];
    }
  }
}
