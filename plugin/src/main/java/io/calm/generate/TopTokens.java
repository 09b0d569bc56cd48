package io.calm.generate;

import java.util.Arrays;

/**
 * Selects the largest of many values; ties go to the lower index. To be sorted, each value and its
 * index are packed into one long that orders like the pair: the float's bits, made monotone, above
 * the complement of the index.
 */
final class TopTokens {
  /** Bits of a digit of the radix selection. */
  private static final int DIGIT = 8;

  private TopTokens() {}

  /** Returns the first index of {@code value}, which must be present. */
  static int first(float[] values, float value) {
    int i = 0;
    while (values[i] != value) {
      i++;
    }
    return i;
  }

  /** Returns the indices of the {@code count} largest of {@code values}, largest first. */
  static int[] largest(float[] values, int count) {
    int k = Math.min(count, values.length);
    if (k == 0) {
      return new int[0];
    }
    long[] heap = new long[k]; // min-heap of the largest values so far
    for (int i = 0; i < k; i++) {
      heap[i] = key(values[i], i);
    }
    for (int i = k / 2 - 1; i >= 0; i--) {
      siftDown(heap, i);
    }
    for (int i = k; i < values.length; i++) {
      long key = key(values[i], i);
      if (key > heap[0]) {
        heap[0] = key;
        siftDown(heap, 0);
      }
    }
    return descending(heap);
  }

  /**
   * Returns the value of rank {@code count}, counted from the largest at 1, in time linear in the
   * number of values: its bits are found digit by digit (radix selection).
   *
   * @param count 1 to the number of values
   */
  static float value(float[] values, int count) {
    int prefix = 0; // the digits found, as an unsigned number
    int rank = count;
    for (int shift = Integer.SIZE - DIGIT; shift >= 0; shift -= DIGIT) {
      int[] sizes = new int[1 << DIGIT];
      for (float value : values) {
        int order = monotone(value) ^ Integer.MIN_VALUE;
        if (order >>> shift >>> DIGIT == prefix) {
          sizes[(order >>> shift) & (sizes.length - 1)]++;
        }
      }
      int digit = sizes.length - 1;
      while (sizes[digit] < rank) {
        rank -= sizes[digit--];
      }
      prefix = prefix << DIGIT | digit;
    }
    int bits = prefix ^ Integer.MIN_VALUE;
    return Float.intBitsToFloat(bits ^ ((bits >> 31) & Integer.MAX_VALUE));
  }

  /**
   * Returns the indices with weights {@code from} (inclusive) to {@code to} (exclusive), by
   * descending value.
   */
  static int[] within(float[] values, float[] weights, float from, float to) {
    long[] keys = new long[64];
    int size = 0;
    for (int i = 0; i < values.length; i++) {
      if (weights[i] >= from && weights[i] < to) {
        if (size == keys.length) {
          keys = Arrays.copyOf(keys, 2 * size);
        }
        keys[size++] = key(values[i], i);
      }
    }
    return descending(Arrays.copyOf(keys, size));
  }

  private static int[] descending(long[] keys) {
    Arrays.sort(keys);
    int[] indices = new int[keys.length];
    for (int i = 0; i < keys.length; i++) {
      indices[i] = ~(int) keys[keys.length - 1 - i];
    }
    return indices;
  }

  private static long key(float value, int index) {
    return ((long) monotone(value) << 32) | (~index & 0xFFFF_FFFFL);
  }

  /** Returns a number that orders like the value. */
  private static int monotone(float value) {
    int bits = Float.floatToIntBits(value + 0f); // -0 becomes 0
    return bits ^ ((bits >> 31) & Integer.MAX_VALUE);
  }

  private static void siftDown(long[] heap, int from) {
    int i = from;
    while (true) {
      int child = 2 * i + 1;
      if (child >= heap.length) {
        return;
      }
      if (child + 1 < heap.length && heap[child + 1] < heap[child]) {
        child++;
      }
      if (heap[i] <= heap[child]) {
        return;
      }
      long swap = heap[i];
      heap[i] = heap[child];
      heap[child] = swap;
      i = child;
    }
  }
}
