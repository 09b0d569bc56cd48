package io.calm.loadtest.work;

import java.util.random.RandomGenerator;

/** Whole numbers of which one is drawn, written {@code 8} or {@code 8..64}. */
public record Range(int least, int most) {
  public Range {
    if (least < 1 || most < least) {
      throw new IllegalArgumentException(
          "expected 1 <= least <= most, got %d..%d".formatted(least, most));
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
    return random.nextInt(least, most + 1);
  }

  @Override
  public String toString() {
    return least == most ? String.valueOf(least) : least + ".." + most;
  }
}
