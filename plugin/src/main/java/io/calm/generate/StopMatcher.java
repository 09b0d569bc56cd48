package io.calm.generate;

import java.util.List;

/**
 * Finds the stop string that ends first in a text that arrives in pieces, and holds back what may
 * still become one. The result does not depend on how the text was cut into pieces.
 */
final class StopMatcher {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  StopMatcher(List<String> stops) {
    this.stops = stops;
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
    int start = firstStop();
    if (start >= 0) {
      stopped = true;
      String rest = held.substring(0, start);
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

  /** Returns where the stop string begins that ends first (the longest of those), or -1. */
  private int firstStop() {
    int start = -1;
    int end = Integer.MAX_VALUE;
    for (String stop : stops) {
      int at = held.indexOf(stop);
      if (at >= 0) {
        int stopEnd = at + stop.length();
        if (stopEnd < end || (stopEnd == end && at < start)) {
          start = at;
          end = stopEnd;
        }
      }
    }
    return start;
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
