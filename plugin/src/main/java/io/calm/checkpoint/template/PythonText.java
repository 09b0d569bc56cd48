package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.List;

/** Python's string operations where Java's differ: white space, cutting, letter case. */
final class PythonText {
  private PythonText() {}

  /** Removes any of {@code chars}, or white space where they are empty, from the ends asked for. */
  static String strip(String text, String chars, boolean start, boolean end) {
    int from = 0;
    int to = text.length();
    while (start && from < to && isStripped(text.charAt(from), chars)) {
      from++;
    }
    while (end && to > from && isStripped(text.charAt(to - 1), chars)) {
      to--;
    }
    return text.substring(from, to);
  }

  /**
   * Cuts a text at a separator.
   *
   * @param separator not empty
   * @param limit cuts at most; no limit where negative
   */
  static List<String> split(String text, String separator, int limit) {
    if (separator.isEmpty()) {
      throw new TemplateFault("split: empty separator");
    }
    List<String> parts = new ArrayList<>();
    int from = 0;
    int at = text.indexOf(separator);
    while (at >= 0 && (limit < 0 || parts.size() < limit)) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
      at = text.indexOf(separator, from);
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** Returns the words of a text, without the white space between them. */
  static List<String> words(String text) {
    List<String> words = new ArrayList<>();
    int from = 0;
    for (int i = 0; i <= text.length(); i++) {
      if (i == text.length() || isSpace(text.charAt(i))) {
        if (i > from) {
          words.add(text.substring(from, i));
        }
        from = i + 1;
      }
    }
    return words;
  }

  /** Returns the text with each run of letters capitalized. */
  static String title(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean inside = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      out.appendCodePoint(inside ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inside = Character.isLetter(c);
      i += Character.charCount(c);
    }
    return out.toString();
  }

  /** Replaces the first {@code limit} occurrences; all where negative. */
  static String replace(String text, String old, String by, int limit) {
    if (limit < 0 || old.isEmpty()) {
      return text.replace(old, by);
    }
    return String.join(by, split(text, old, limit));
  }

  private static boolean isStripped(char c, String chars) {
    return chars.isEmpty() ? isSpace(c) : chars.indexOf(c) >= 0;
  }

  /** Python's {@code str.isspace}: Unicode white space and the separators U+001C to U+001F. */
  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }
}
