package io.calm.runtime;

/**
 * Inner loops of attention that the JIT compiler vectorizes: arrays are indexed by the loop
 * variable alone, one array is written, and there is no sum over elements.
 */
final class VectorLoops {
  private VectorLoops() {}

  /** Computes {@code target = fma(d, wd, fma(c, wc, fma(b, wb, fma(a, wa, target))))}. */
  static void addFour(
      float[] a,
      float[] b,
      float[] c,
      float[] d,
      float wa,
      float wb,
      float wc,
      float wd,
      float[] target,
      int length) {
    for (int i = 0; i < length; i++) {
      target[i] =
          Math.fma(d[i], wd, Math.fma(c[i], wc, Math.fma(b[i], wb, Math.fma(a[i], wa, target[i]))));
    }
  }

  /** Computes {@code target = fma(a, weight, target)}. */
  static void addOne(float[] a, float weight, float[] target, int length) {
    for (int i = 0; i < length; i++) {
      target[i] = Math.fma(a[i], weight, target[i]);
    }
  }

  /**
   * Adds rows {@code from} to {@code to} of {@code vectors}, times {@code weights[offset + row]},
   * in ascending order.
   */
  static void addWeighted(
      float[][] vectors,
      int from,
      int to,
      float[] weights,
      int offset,
      float[] target,
      int length) {
    int r = from;
    for (; r + 4 <= to; r += 4) {
      int w = offset + r;
      addFour(
          vectors[r],
          vectors[r + 1],
          vectors[r + 2],
          vectors[r + 3],
          weights[w],
          weights[w + 1],
          weights[w + 2],
          weights[w + 3],
          target,
          length);
    }
    for (; r < to; r++) {
      addOne(vectors[r], weights[offset + r], target, length);
    }
  }
}
