package io.calm.generate;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Finds the stop string that ends first in a text that arrives in pieces, and holds back what may
 * still become one. The result does not depend on how the text was cut into pieces.
 */
final class StopMatcher {
  private final List<String> stops;
  private final boolean include;
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  /**
   * Looks for {@code stops}.
   *
   * @param include whether the one that is found belongs to the answer
   */
  StopMatcher(List<String> stops, boolean include) {
    this.stops = stops;
    this.include = include;
  }

  /** Returns whether a stop string was found: the answer is what was returned so far. */
  boolean stopped() {
    return stopped;
  }

  /** Adds text and returns what is now certain to be part of the answer. */
  String add(String text) {
    if (stopped) {
      throw new IllegalStateException("text after a stop string");
    }
    held.append(text);
    Optional<Stop> stop = firstStop();
    if (stop.isPresent()) {
      stopped = true;
      String rest = held.substring(0, include ? stop.get().end() : stop.get().start());
      held.setLength(0);
      return rest;
    }
    int keep = longestPossibleStart();
    String certain = held.substring(0, held.length() - keep);
    held.delete(0, certain.length());
    return certain;
  }

  /** Returns what was held back, at the end of the text. */
  String flush() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }

  /** Returns the stop string that ends first, the longest of those; empty where there is none. */
  private Optional<Stop> firstStop() {
    return stops.stream()
        .map(stop -> new Stop(held.indexOf(stop), stop.length()))
        .filter(stop -> stop.start() >= 0)
        .min(Comparator.comparingInt(Stop::end).thenComparingInt(Stop::start));
  }

  private record Stop(int start, int length) {
    int end() {
      return start + length;
    }
  }

  private int longestPossibleStart() {
    int longest = 0;
    for (String stop : stops) {
      for (int n = Math.min(stop.length() - 1, held.length()); n > longest; n--) {
        if (endsWithStartOf(stop, n)) {
          longest = n;
        }
      }
    }
    return longest;
  }

  private boolean endsWithStartOf(String stop, int length) {
    for (int i = 0; i < length; i++) {
      if (held.charAt(held.length() - length + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
