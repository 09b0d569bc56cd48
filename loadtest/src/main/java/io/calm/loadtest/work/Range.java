package io.calm.loadtest.work;

import java.util.random.RandomGenerator;

/** Whole numbers of which one is drawn, written {@code 8} or {@code 8..64}. */
public record Range(int min, int max) {
  public Range {
    if (min < 1 || max < min) {
      throw new IllegalArgumentException(
          "expected 1 <= least <= most, got %d..%d".formatted(min, max));
    }
  }

  /** Reads a range. */
  public static Range of(String text) {
    int dots = text.indexOf("..");
    if (dots < 0) {
      return new Range(Integer.parseInt(text), Integer.parseInt(text));
    }
    return new Range(
        Integer.parseInt(text.substring(0, dots)), Integer.parseInt(text.substring(dots + 2)));
  }

  /** Returns one of them, all equally likely. */
  public int draw(RandomGenerator random) {
    return random.nextInt(min, max + 1);
  }

  @Override
  public String toString() {
    return min == max ? String.valueOf(min) : min + ".." + max;
  }
}
