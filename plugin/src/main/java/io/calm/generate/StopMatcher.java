package io.calm.generate;

import java.util.List;

/**
 * Finds the first stop string in a text that arrives in pieces. Holds back text that may be the
 * start of a stop string. The result does not depend on the division into pieces.
 *
 * <p>Each stop string has an automaton (Knuth, Morris and Pratt 1977), so the cost per character is
 * amortized constant time per stop string.
 */
final class StopMatcher {
  private final List<Automaton> stops;
  private final boolean include;
  private final StringBuilder held = new StringBuilder();
  private boolean stopped;

  /**
   * Creates a matcher.
   *
   * @param stops stop strings, none of them empty
   * @param include whether the stop string that is found belongs to the answer
   */
  StopMatcher(List<String> stops, boolean include) {
    this.stops = stops.stream().map(Automaton::new).toList();
    this.include = include;
  }

  /** Returns whether a stop string was found; the text returned so far is then the answer. */
  boolean stopped() {
    return stopped;
  }

  /** Adds text and returns the text that has become a final part of the answer. */
  String add(String text) {
    if (stopped) {
      throw new IllegalStateException("text was added after a stop string");
    }
    int before = held.length();
    held.append(text);
    for (int i = before; i < held.length(); i++) {
      int found = longestThatEndsWith(held.charAt(i));
      if (found > 0) {
        stopped = true;
        String rest = held.substring(0, include ? i + 1 : i + 1 - found);
        held.setLength(0);
        return rest;
      }
    }
    int keep = stops.stream().mapToInt(stop -> stop.matched).max().orElse(0);
    String certain = held.substring(0, held.length() - keep);
    held.delete(0, certain.length());
    return certain;
  }

  /** Reads a character and returns the length of the longest stop string that ends with it. */
  private int longestThatEndsWith(char c) {
    int longest = 0;
    for (Automaton stop : stops) {
      if (stop.read(c)) {
        longest = Math.max(longest, stop.length());
      }
    }
    return longest;
  }

  /** Returns the text held back, at the end of the text. */
  String flush() {
    String rest = held.toString();
    held.setLength(0);
    return rest;
  }

  /** A stop string with the length of its longest prefix at the end of the text so far. */
  private static final class Automaton {
    private final String stop;

    /** For each prefix of the string, the length of its longest proper prefix that is a suffix. */
    private final int[] shorter;

    private int matched;

    Automaton(String stop) {
      this.stop = stop;
      this.shorter = new int[stop.length() + 1];
      for (int length = 2; length <= stop.length(); length++) {
        int start = shorter[length - 1];
        while (start > 0 && stop.charAt(start) != stop.charAt(length - 1)) {
          start = shorter[start];
        }
        shorter[length] = stop.charAt(start) == stop.charAt(length - 1) ? start + 1 : 0;
      }
    }

    int length() {
      return stop.length();
    }

    /** Reads the next character and returns whether the text now ends with the stop string. */
    boolean read(char c) {
      while (matched > 0 && (matched == stop.length() || stop.charAt(matched) != c)) {
        matched = shorter[matched];
      }
      if (stop.charAt(matched) == c) {
        matched++;
      }
      return matched == stop.length();
    }
  }
}
