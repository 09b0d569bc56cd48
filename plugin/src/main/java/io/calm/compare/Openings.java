package io.calm.compare;

import java.util.List;

/**
 * The number of times that both plans are opened.
 *
 * @param min number of openings of each kind of step
 * @param max number of openings of a kind whose interval stays wide
 * @param halfWidth half-width of the interval, in percent, that is narrow enough to end; asked
 *     after {@code min} openings, and then after every {@value #LOOK}
 */
public record Openings(int min, int max, double halfWidth) {
  /**
   * Openings between two looks at the interval. Few looks keep the interval honest: it is narrow by
   * chance at some of many.
   */
  private static final int LOOK = 4;

  /** Returns whether a kind of step has enough openings. */
  boolean enough(List<PairedTimes> all) {
    int count = all.size();
    return count >= max
        || (count >= min
            && (count - min) % LOOK == 0
            && ProbeRow.of(all).deviation().halfWidth() <= halfWidth);
  }
}
