package io.calm.jinja;

/** Searches for a string in a string in linear time. */
final class TextSearch {
  private static final int SHORT = 8;

  private TextSearch() {}

  /**
   * Returns the first index of a pattern at or after {@code from}; negative if there is none.
   *
   * <p>Short patterns use Java's own search, whose worst case is the product of both lengths. Long
   * patterns use the algorithm of Knuth, Morris and Pratt.
   */
  static int find(Budget budget, String text, String pattern, int from) {
    if (pattern.length() > text.length() - from) {
      return -1;
    }
    if (pattern.length() <= SHORT) {
      int at = text.indexOf(pattern, from);
      budget.scan((at < 0 ? text.length() : at) - from);
      return at;
    }
    budget.reserve(4L * pattern.length());
    int[] borders = borders(pattern);
    int matched = 0;
    for (int i = from; i < text.length(); i++) {
      if ((i & 0xffff) == 0) {
        budget.scan(0xffff);
      }
      while (matched > 0 && pattern.charAt(matched) != text.charAt(i)) {
        matched = borders[matched - 1];
      }
      if (pattern.charAt(matched) == text.charAt(i) && ++matched == pattern.length()) {
        return i - matched + 1;
      }
    }
    return -1;
  }

  /** Returns the last index of a pattern that ends at or before {@code to}. */
  static int findLast(Budget budget, String text, String pattern, int to) {
    if (pattern.length() > to) {
      return -1;
    }
    if (pattern.length() <= SHORT) {
      int at = text.lastIndexOf(pattern, to - pattern.length());
      budget.scan(to - Math.max(at, 0));
      return at;
    }
    String reversed = new StringBuilder(text.substring(0, to)).reverse().toString();
    String backwards = new StringBuilder(pattern).reverse().toString();
    budget.reserve(reversed.length());
    int at = find(budget, reversed, backwards, 0);
    return at < 0 ? -1 : to - at - pattern.length();
  }

  private static int[] borders(String pattern) {
    int[] borders = new int[pattern.length()];
    int length = 0;
    for (int i = 1; i < pattern.length(); i++) {
      while (length > 0 && pattern.charAt(i) != pattern.charAt(length)) {
        length = borders[length - 1];
      }
      if (pattern.charAt(i) == pattern.charAt(length)) {
        length++;
      }
      borders[i] = length;
    }
    return borders;
  }
}
